import Domain
import TestRandom
import Testing
import Wire

@Suite("Entries of the change stream")
struct ChangeTests {
  @Test("any changes are read as they were written", arguments: 0..<8)
  func roundTrip(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<200 {
      let changes = (0..<random.below(6)).map { _ in random.change() }
      #expect(try ChangeCodec.decode(ChangeCodec.encode(changes)) == changes)
    }
  }

  @Test("who has no use for signs of life gets all the rest", arguments: 0..<4)
  func withoutStatuses(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<100 {
      let changes = (0..<random.below(8)).map { _ in random.change() }
      let rest = changes.filter { if case .status = $0 { false } else { true } }
      let read = try ChangeCodec.decode(ChangeCodec.encode(changes), withStatuses: false)
      #expect(read == rest)
    }
  }

  /// An entry by hand: `payloads` with their kinds, each with `extra` behind it.
  private static func entry(
    version: UInt8, _ payloads: [(kind: UInt8, bytes: [UInt8])], extra: [UInt8] = []
  ) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(version)
    writer.write(UInt32(payloads.count))
    for payload in payloads {
      writer.write(payload.kind)
      writer.writeSized { writer in for byte in payload.bytes + extra { writer.write(byte) } }
    }
    return writer.bytes
  }

  /// Kind and payload of one change, cut out of its entry.
  private static func payload(_ change: Change) -> (kind: UInt8, bytes: [UInt8]) {
    let bytes = ChangeCodec.encode([change])
    return (bytes[5], Array(bytes[10...]))
  }

  @Test("a newer neighbour's longer payloads are read and the rest skipped", arguments: 0..<8)
  func newerPayload(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<100 {
      let changes = (0..<3).map { _ in random.change() }
      let extra = (0..<random.below(20)).map { _ in UInt8(random.below(256)) }
      let entry = Self.entry(version: 2, changes.map(Self.payload), extra: extra)
      #expect(try ChangeCodec.decode(entry) == changes)
    }
  }

  @Test(
    "kinds that this build doesn't know are skipped, whatever they hold",
    arguments: [0, 6, 255] as [UInt8])
  func unknownKind(kind: UInt8) throws {
    var random = SplitMix64(seed: 3)
    let change = random.change()
    let unknown = (kind: kind, bytes: [1, 2, 3] as [UInt8])
    let entry = Self.entry(version: 2, [unknown, Self.payload(change), (kind, [])])
    #expect(try ChangeCodec.decode(entry) == [change])
  }

  @Test("versions beyond the neighbour are refused", arguments: [0, 3, 255] as [UInt8])
  func unknownVersion(version: UInt8) {
    #expect(throws: WireError.unknownVersion(version)) {
      try ChangeCodec.decode(Self.entry(version: version, []))
    }
  }

  @Test("a cut entry is refused", arguments: 0..<20)
  func cut(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    let entry = ChangeCodec.encode([random.change(), random.change()])
    for count in 0..<entry.count {
      #expect(throws: WireError.truncated) { try ChangeCodec.decode(Array(entry[..<count])) }
    }
  }

  @Test("a count that the bytes cannot hold is refused before room is made for it")
  func hugeCount() {
    #expect(throws: WireError.truncated) {
      try ChangeCodec.decode([1, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3])
    }
  }

  @Test("an id outside the alphabet, an unknown protocol or a NaN is refused")
  func badValues() throws {
    let moment = Timestamp(milliseconds: 1)
    let id = try #require(MinerID("abc"))
    var revoked = ChangeCodec.encode([.revoked(id, notBefore: moment)])
    revoked[12] = UInt8(ascii: "/")
    #expect(throws: WireError.badValue) { try ChangeCodec.decode(revoked) }
    revoked[12] = 0xFF
    #expect(throws: WireError.badValue) { try ChangeCodec.decode(revoked) }

    let trust = MinerTrust(score: .nan, good: 0, bad: 0, version: 1)
    #expect(throws: WireError.badValue) {
      try ChangeCodec.decode(ChangeCodec.encode([.trust(id, trust)]))
    }
    var record = ChangeCodec.encode([
      .record(MinerRecord(id: id, version: 1, profile: MinerProfile()))
    ])
    // Behind the entry's head (10), the id (2 + 3), the version (8) and the empty address (2).
    record[25] = 6
    #expect(throws: WireError.badValue) { try ChangeCodec.decode(record) }
  }
}
