import Domain

/// One entry of the change stream: version u8 · count u32 · changes, each kind u8 · length u32 · payload.
/// A reader skips kinds that it doesn't know.
package enum ChangeCodec {
  package static let version: UInt8 = 1
  fileprivate static let statusKind: UInt8 = 3

  package static func encode(_ changes: [Change]) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(version)
    writer.write(UInt32(changes.count))
    for change in changes {
      writer.write(change.kind)
      writer.writeSized { $0.write(change) }
    }
    return writer.bytes
  }

  /// - Parameter withStatuses: without, signs of life are skipped like kinds that aren't known.
  package static func decode(
    _ bytes: [UInt8], withStatuses: Bool = true
  ) throws(WireError) -> [Change] {
    try bytes.withUnsafeBytes { buffer in
      Result { () throws(WireError) in try decode(buffer, withStatuses: withStatuses) }
    }.get()
  }

  package static func decode(
    _ bytes: UnsafeRawBufferPointer, withStatuses: Bool = true
  ) throws(WireError) -> [Change] {
    var reader = ByteReader(bytes)
    let version: UInt8 = try reader.read()
    guard (Self.version...Self.version + 1).contains(version) else {
      throw .unknownVersion(version)
    }
    let count: UInt32 = try reader.read()
    guard Int(count) * 5 <= reader.remaining else { throw .truncated }
    var changes: [Change] = []
    if withStatuses { changes.reserveCapacity(Int(count)) }
    for _ in 0..<count {
      let kind: UInt8 = try reader.read()
      var payload = try reader.readSized()
      if kind == statusKind && !withStatuses { continue }
      if let change = try payload.readChange(kind: kind) { changes.append(change) }
    }
    return changes
  }
}

extension Change {
  /// Never renumber.
  fileprivate var kind: UInt8 {
    switch self {
    case .record: 1
    case .trust: 2
    case .status: ChangeCodec.statusKind
    case .revoked: 4
    case .connected: 5
    }
  }
}

extension ByteWriter {
  fileprivate mutating func write(_ change: Change) {
    write(change.minerID.text)
    switch change {
    case .record(let record): write(record)
    case .trust(_, let trust):
      write(trust.score)
      write(trust.good)
      write(trust.bad)
      write(trust.version)
    case .status(_, let patch): StatusPatchCodec.write(patch, to: &self)
    case .revoked(_, let notBefore): write(notBefore.milliseconds)
    case .connected(_, let gateway, let at):
      write(gateway)
      write(at.milliseconds)
    }
  }

  private mutating func write(_ record: MinerRecord) {
    write(record.version)
    write(record.profile)
    write(optional: record.priceOverride) { writer, override in
      writer.write(override.price.units)
      writer.write(override.reason)
      writer.write(optional: override.expiresAt) { $0.write($1.milliseconds) }
    }
    write(UInt16(record.services.count))
    for service in record.services {
      write(service.type)
      write(optional: service.price) { $0.write($1.units) }
      write(UInt16(service.maxConcurrent))
      write(service.capabilities)
    }
  }

  private mutating func write(_ profile: MinerProfile) {
    write(profile.addr)
    write(profile.proto.code)
    write(profile.region)
    write(profile.gpuName)
    write(UInt32(profile.gpuCount))
    write(profile.gpuVRAMGB)
    write(profile.ramGB)
    write(UInt32(profile.cpuCores))
    write(UInt32(profile.maxParallel))
    write(profile.price.units)
    write(profile.accel)
    write(profile.tags)
    write(profile.capabilities)
    write(optional: profile.walletAddress) { $0.write($1) }
    write(optional: profile.chainID) { $0.write($1) }
  }
}

extension ByteReader {
  fileprivate mutating func readChange(kind: UInt8) throws(WireError) -> Change? {
    guard (1...5).contains(kind) else { return nil }
    let id = try readMinerID()
    switch kind {
    case 1: return .record(try readRecord(of: id))
    case 2:
      return .trust(
        id,
        MinerTrust(
          score: try readDouble(), good: try readDouble(), bad: try readDouble(),
          version: try read()))
    case 3: return .status(id, try StatusPatchCodec.read(&self))
    case 4: return .revoked(id, notBefore: Timestamp(milliseconds: try read()))
    default:
      return .connected(
        id, gateway: try readString(), at: Timestamp(milliseconds: try read()))
    }
  }

  private mutating func readRecord(of id: MinerID) throws(WireError) -> MinerRecord {
    var record = MinerRecord(id: id, version: try read(), profile: try readProfile())
    record.priceOverride = try readOptional { (reader) throws(WireError) in
      PriceOverride(
        price: Price(units: try reader.read()), reason: try reader.readString(),
        expiresAt: try reader.readOptional { (inner) throws(WireError) in
          Timestamp(milliseconds: try inner.read())
        })
    }
    for _ in 0..<Int(try read(UInt16.self)) {
      record.services.append(
        EnabledService(
          type: try readString(),
          price: try readOptional { (reader) throws(WireError) in
            Price(units: try reader.read())
          },
          maxConcurrent: Int(try read(UInt16.self)), capabilities: try readStrings()))
    }
    return record
  }

  private mutating func readProfile() throws(WireError) -> MinerProfile {
    var profile = MinerProfile()
    profile.addr = try readString()
    guard let proto = MinerProtocol(code: try read()) else { throw .badValue }
    profile.proto = proto
    profile.region = try readString()
    profile.gpuName = try readString()
    profile.gpuCount = Int(try read(UInt32.self))
    profile.gpuVRAMGB = try readDouble()
    profile.ramGB = try readDouble()
    profile.cpuCores = Int(try read(UInt32.self))
    profile.maxParallel = Int(try read(UInt32.self))
    profile.price = Price(units: try read())
    profile.accel = try readStrings()
    profile.tags = try readStrings()
    profile.capabilities = try readStrings()
    profile.walletAddress = try readOptional { (reader) throws(WireError) in
      try reader.readString()
    }
    profile.chainID = try readOptional { (reader) throws(WireError) in try reader.readString() }
    return profile
  }
}
