import Domain

/// Why bytes could not be read. Whoever receives them counts it and drops them.
package enum WireError: Error, Equatable {
  case truncated, badMagic, unknownVersion(UInt8), badValue
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
