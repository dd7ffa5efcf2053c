/// Bytes written one piece after another into memory of its own. An array would ask before each piece whether
/// anybody else holds it; most of what is written here is a few bytes long.
struct ByteSink: ~Copyable {
  private var start: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  private(set) var count = 0

  init(capacity: Int) {
    self.capacity = max(16, capacity)
    start = .allocate(capacity: self.capacity)
  }

  deinit { start.deallocate() }

  /// A copy of all that was written.
  var bytes: [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }

  @inline(__always)
  mutating func append(_ byte: UInt8) {
    reserve(1)
    start[count] = byte
    count += 1
  }

  @inline(__always)
  mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let base = bytes.baseAddress else { return }
    reserve(bytes.count)
    (start + count).update(from: base, count: bytes.count)
    count += bytes.count
  }

  /// The shortest digits that read back as `value`, as its `description` has them, but with no text made first.
  mutating func append(_ value: Double) {
    reserve(SinkEnd.byteLimit)
    var end = SinkEnd(start: start + count)
    value.write(to: &end)
    count += end.count
  }

  @inline(__always)
  private mutating func reserve(_ more: Int) {
    if capacity - count < more { grow(by: more) }
  }

  @inline(never)
  private mutating func grow(by more: Int) {
    capacity = max(2 * capacity, count + more)
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    larger.update(from: start, count: count)
    start.deallocate()
    start = larger
  }
}

/// The end of a sink as something that numbers write themselves to.
private struct SinkEnd: TextOutputStream {
  /// No double has as many digits.
  static let byteLimit = 32

  let start: UnsafeMutablePointer<UInt8>
  private(set) var count = 0

  init(start: UnsafeMutablePointer<UInt8>) { self.start = start }

  mutating func write(_ text: String) {
    text.utf8.span.withUnsafeBufferPointer { _writeASCII($0) }
  }

  /// Where the standard library knows that all is ASCII it calls this instead of making a `String`: half the time.
  /// Would it ever cease to, the other is called.
  mutating func _writeASCII(_ bytes: UnsafeBufferPointer<UInt8>) {
    precondition(count + bytes.count <= Self.byteLimit, "a number has no more digits")
    guard let base = bytes.baseAddress else { return }
    (start + count).update(from: base, count: bytes.count)
    count += bytes.count
  }
}
