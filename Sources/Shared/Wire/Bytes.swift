import Domain

/// Why bytes could not be read. Whoever receives them counts it and drops them.
package enum WireError: Error, Equatable {
  case truncated, badMagic, unknownVersion(UInt8), badValue
}

/// Appends numbers (little-endian) and length-prefixed texts.
package struct ByteWriter {
  package private(set) var bytes: [UInt8]

  package init(appendingTo bytes: consuming [UInt8] = []) { self.bytes = bytes }

  package mutating func write(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  package mutating func write(_ value: Double) { write(value.bitPattern) }
  package mutating func write(_ value: Float) { write(value.bitPattern) }
  package mutating func write(_ value: Bool) { write(UInt8(value ? 1 : 0)) }

  /// At most 65,535 bytes; every text here is far below, by `Limits`.
  package mutating func write(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in
      write(UInt16(truncatingIfNeeded: utf8.count))
      bytes.append(contentsOf: utf8.prefix(Int(UInt16.max)))
    }
  }

  /// As they are, with no length before them.
  package mutating func write(bytes more: ArraySlice<UInt8>) { bytes.append(contentsOf: more) }

  package mutating func write(_ texts: [String]) {
    write(UInt16(truncatingIfNeeded: texts.count))
    for text in texts.prefix(Int(UInt16.max)) { write(text) }
  }

  /// A flag byte, then the value when there is one.
  package mutating func write<Value>(
    optional value: Value?, _ body: (inout ByteWriter, Value) -> Void
  ) {
    write(value != nil)
    if let value { body(&self, value) }
  }

  /// What `body` writes, after its length as UInt32: readers of an older version skip what they don't know.
  package mutating func writeSized(_ body: (inout ByteWriter) -> Void) {
    let start = bytes.count
    write(UInt32(0))
    body(&self)
    let length = UInt32(bytes.count - start - 4).littleEndian
    withUnsafeBytes(of: length) { bytes.replaceSubrange(start..<start + 4, with: $0) }
  }
}

/// Reads what `ByteWriter` wrote. Every read is bounds-checked and throws instead of trapping.
package struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  /// Of the next byte, in `all`.
  private(set) var position = 0

  /// - Precondition: `bytes` outlives the reader.
  package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  package var remaining: Int { bytes.count - position }
  /// Every byte that it has read or will.
  var all: [UInt8] { Array(bytes) }

  package mutating func read<Number: FixedWidthInteger>(
    _: Number.Type = Number.self
  ) throws(WireError) -> Number {
    let size = MemoryLayout<Number>.size
    guard remaining >= size else { throw .truncated }
    let value = bytes.loadUnaligned(fromByteOffset: position, as: Number.self)
    position += size
    return Number(littleEndian: value)
  }

  package mutating func readDouble() throws(WireError) -> Double {
    let value = Double(bitPattern: try read())
    guard value.isFinite else { throw .badValue }
    return value
  }

  package mutating func readFloat() throws(WireError) -> Float {
    let value = Float(bitPattern: try read())
    guard value.isFinite else { throw .badValue }
    return value
  }

  package mutating func readBool() throws(WireError) -> Bool { try read(UInt8.self) != 0 }

  package mutating func readString() throws(WireError) -> String {
    let text = try take(Int(try read(UInt16.self)))
    // Most texts are, and then there is nothing more to validate.
    if Self.isASCII(text) { return String(decoding: text, as: UTF8.self) }
    guard let string = String(validating: text, as: UTF8.self) else { throw .badValue }
    return string
  }

  private static func isASCII(_ text: UnsafeRawBufferPointer) -> Bool {
    var union: UInt8 = 0
    for byte in text { union |= byte }
    return union < 0x80
  }

  package mutating func readStrings() throws(WireError) -> [String] {
    let count = Int(try read(UInt16.self))
    guard count * 2 <= remaining else { throw .truncated }
    var texts: [String] = []
    texts.reserveCapacity(count)
    for _ in 0..<count { texts.append(try readString()) }
    return texts
  }

  package mutating func readOptional<Value>(
    _ body: (inout ByteReader) throws(WireError) -> Value
  ) throws(WireError) -> Value? {
    try readBool() ? try body(&self) : nil
  }

  package mutating func readMinerID() throws(WireError) -> MinerID {
    guard let id = MinerID(try readString()) else { throw .badValue }
    return id
  }

  /// A reader over the next block that `writeSized` wrote, which counts its positions as this one does; this one
  /// continues after it.
  package mutating func readSized() throws(WireError) -> ByteReader {
    let start = position + MemoryLayout<UInt32>.size
    _ = try take(Int(try read(UInt32.self)))
    var block = ByteReader(UnsafeRawBufferPointer(rebasing: bytes[..<position]))
    block.position = start
    return block
  }

  package mutating func take(_ count: Int) throws(WireError) -> UnsafeRawBufferPointer {
    guard count <= remaining else { throw .truncated }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }
}
