/// Bytes written one piece after another into memory of its own. An array would ask before each piece whether
/// anybody else holds it; most of what is written here is a few bytes long.
struct ByteSink: ~Copyable {
  /// Of any decimal: 19 digits, a point, and a zero before it.
  private static let decimalByteLimit = 21

  private var start: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  /// Else the memory is its maker's.
  private(set) var ownsMemory: Bool
  private(set) var count = 0

  init(capacity: Int) {
    self.capacity = max(16, capacity)
    start = .allocate(capacity: self.capacity)
    ownsMemory = true
  }

  /// Writes into `room`, and into memory of its own once that is too small.
  ///
  /// - Precondition: `room` has an address and outlives the sink.
  init(within room: UnsafeMutableBufferPointer<UInt8>) {
    capacity = room.count
    start = room.baseAddress!
    ownsMemory = false
  }

  deinit {
    if ownsMemory { start.deallocate() }
  }

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
    if let decimal = ShortestDecimal(value) { return append(decimal) }
    var end = SinkEnd(start: start + count)
    value.write(to: &end)
    count += end.count
  }

  /// All 17 digits are stored; zeros at their end are not counted.
  ///
  /// - Precondition: there is room for `SinkEnd.byteLimit`.
  private mutating func append(_ decimal: ShortestDecimal) {
    let end = UnsafeMutableRawPointer(start + count)
    // `0.00`
    end.storeBytes(of: UInt32(0x3030_2E30).littleEndian, as: UInt32.self)
    let digits = end + 2 + decimal.leadingZeros
    let (first, others) = decimal.digits.quotientAndRemainder(dividingBy: 10_000_000_000_000_000)
    let (left, right) = others.quotientAndRemainder(dividingBy: 100_000_000)
    digits.storeBytes(of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: first), as: UInt8.self)
    digits.storeBytes(
      of: ShortestDecimal.eight(left).littleEndian, toByteOffset: 1, as: UInt64.self)
    digits.storeBytes(
      of: ShortestDecimal.eight(right).littleEndian, toByteOffset: 9, as: UInt64.self)
    count += 2 + decimal.leadingZeros + ShortestDecimal.digitCount - decimal.trailingZeros
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

  /// `0.00` to `1.00`.
  ///
  /// - Parameter hundredths: 0 to 100.
  mutating func append(hundredths: Int) {
    let digits = UInt32(truncatingIfNeeded: hundredths)
    // A zero and a point, and what is added to the bytes of `0.00`, the first below.
    let text = 0x3030_2E30 + digits / 100 + (digits / 10 % 10) << 16 + (digits % 10) << 24
    reserve(4)
    UnsafeMutableRawPointer(start + count).storeBytes(of: text.littleEndian, as: UInt32.self)
    count += 4
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
    if ownsMemory { start.deallocate() }
    (start, ownsMemory) = (larger, true)
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
