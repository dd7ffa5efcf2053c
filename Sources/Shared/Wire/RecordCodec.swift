import Domain

/// Records to bytes and back.
package enum RecordCodec {
  package static func append(_ record: Record, to bytes: inout [UInt8]) {
    let start = bytes.count
    var writer = ByteWriter(appendingTo: bytes)
    bytes = []
    writer.write(Record.magic)
    writer.write(record.version)
    writer.write(record.message.kind)
    writer.write(UInt16(0))
    writer.write(record.requestID)
    writer.write(record.budgetMicroseconds)
    writer.write(UInt32(0))
    writer.write(record.streamID.milliseconds)
    writer.write(record.streamID.sequence)
    MessageCodec.write(record.message, to: &writer)
    bytes = writer.bytes
    let length = UInt32(bytes.count - start - Record.headerByteCount).littleEndian
    withUnsafeBytes(of: length) {
      bytes.replaceSubrange(start + 20..<start + 24, with: $0)
    }
  }

  package static func encode(_ record: Record) -> [UInt8] {
    var bytes: [UInt8] = []
    append(record, to: &bytes)
    return bytes
  }

  /// - Throws: on the first record that cannot be read; what stood before it is lost with it, since a
  ///   frame that is wrong in one place is not to be trusted in another.
  package static func decodeAll(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> [Record] {
    var reader = ByteReader(bytes)
    var records: [Record] = []
    while reader.remaining > 0 {
      if records.count == Record.batchLimit { throw .badValue }
      records.append(try decode(&reader))
    }
    if records.isEmpty { throw .truncated }
    return records
  }

  package static func decodeAll(_ bytes: [UInt8]) throws(WireError) -> [Record] {
    // withUnsafeBytes rethrows untyped, so the typed error is carried out as a value.
    try bytes.withUnsafeBytes { buffer in
      Result { () throws(WireError) in try decodeAll(buffer) }
    }.get()
  }

  private static func decode(_ reader: inout ByteReader) throws(WireError) -> Record {
    guard try reader.read(UInt32.self) == Record.magic else { throw .badMagic }
    let version: UInt8 = try reader.read()
    guard Record.spokenVersions.contains(version) else { throw .unknownVersion(version) }
    let kind: UInt8 = try reader.read()
    _ = try reader.read(UInt16.self)
    let requestID: UInt64 = try reader.read()
    let budget: UInt32 = try reader.read()
    let length: UInt32 = try reader.read()
    let streamID = StreamID(milliseconds: try reader.read(), sequence: try reader.read())
    var payload = ByteReader(try reader.take(Int(length)))
    return Record(
      version: version, requestID: requestID, budgetMicroseconds: budget, streamID: streamID,
      message: try MessageCodec.read(kind: kind, from: &payload))
  }
}
