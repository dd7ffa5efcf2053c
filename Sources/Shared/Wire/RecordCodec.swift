import Domain

/// Records to bytes and back.
package enum RecordCodec {
  package static func append(_ record: Record, to writer: inout ByteWriter) {
    let start = writer.count
    writer.write(Record.magic)
    writer.write(record.version)
    writer.write(record.message.kind)
    writer.write(UInt16(0))
    writer.write(record.requestID)
    writer.write(record.budgetMicroseconds)
    let lengthPlace = writer.count
    writer.write(UInt32(0))
    writer.write(record.streamID.milliseconds)
    writer.write(record.streamID.sequence)
    MessageCodec.write(record.message, to: &writer)
    let length = UInt32(writer.count - start - Record.headerByteCount)
    writer.replace(at: lengthPlace, with: length)
  }

  package static func encode(_ record: Record) -> [UInt8] {
    var writer = ByteWriter()
    append(record, to: &writer)
    return writer.bytes
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
