import Bytes

/// Appends numbers (little-endian) and length-prefixed texts.
package struct ByteWriter: ~Copyable {
  private var sink: ByteSink

  /// - Parameter capacity: how many bytes it has room for before it has to move them.
  package init(capacity: Int = 256) { sink = ByteSink(capacity: capacity) }

  /// A copy of all that was written.
  package var bytes: [UInt8] { sink.bytes }
  /// How many bytes that is.
  package var count: Int { sink.count }

  /// All that was written, as it lies there.
  package func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try sink.withUnsafeBytes(body)
  }

  /// Forgets all behind the first `count` bytes, and keeps its memory.
  package mutating func truncate(to count: Int) { sink.truncate(to: count) }

  package mutating func write(_ value: some FixedWidthInteger & BitwiseCopyable) {
    sink.append(value)
  }

  package mutating func write(_ value: Double) { write(value.bitPattern) }
  package mutating func write(_ value: Float) { write(value.bitPattern) }
  package mutating func write(_ value: Bool) { write(UInt8(value ? 1 : 0)) }

  /// At most 65,535 bytes; every text here is far below, by `Limits`.
  package mutating func write(_ text: String) {
    text.utf8.span.bytes.withUnsafeBytes { utf8 in
      write(UInt16(truncatingIfNeeded: utf8.count))
      sink.append(UnsafeRawBufferPointer(rebasing: utf8.prefix(Int(UInt16.max))))
    }
  }

  /// As they are, with no length before them.
  package mutating func write(bytes more: ArraySlice<UInt8>) {
    more.withUnsafeBytes { sink.append($0) }
  }

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
    let start = count
    write(UInt32(0))
    body(&self)
    replace(at: start, with: UInt32(count - start - 4))
  }

  /// Writes over the number that was written at `place`.
  mutating func replace(at place: Int, with value: some FixedWidthInteger & BitwiseCopyable) {
    sink.replace(at: place, with: value)
  }
}
