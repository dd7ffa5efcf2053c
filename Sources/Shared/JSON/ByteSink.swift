/// Bytes written one piece after another into memory of its own. An array would ask before each piece whether
/// anybody else holds it; most of what is written here is a few bytes long.
struct ByteSink: ~Copyable {
  /// Of any decimal: 19 digits, a point, and a zero before it.
  private static let decimalByteLimit = 21

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

  /// A plain decimal: `units` of 10^-`places`, without zeros at the end of its fraction.
  ///
  /// - Parameters:
  ///   - units: not below 0.
  ///   - places: 8 at most.
  mutating func append(units: Int64, places: Int) {
    var (units, places) = (units, places)
    while places > 0, units % 10 == 0 { (units, places) = (units / 10, places - 1) }
    // Its last digit comes first, so it is written at the end of its room.
    reserve(Self.decimalByteLimit)
    let end = start + count + Self.decimalByteLimit
    var place = end
    func put(_ byte: UInt8) {
      place -= 1
      place.pointee = byte
    }
    repeat {
      put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: units % 10))
      units /= 10
      places -= 1
      if places == 0 { put(UInt8(ascii: ".")) }
    } while units > 0 || places >= 0
    (start + count).update(from: place, count: end - place)
    count += end - place
  }

  /// Once more what was written at `places`.
  mutating func append(again places: Range<Int>) {
    precondition(places.upperBound <= count, "only what was written can be written again")
    reserve(places.count)
    (start + count).update(from: start + places.lowerBound, count: places.count)
    count += places.count
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
