import Bytes

extension ByteSink {
  /// Of any decimal: 19 digits, a point, and a zero before it.
  private static let decimalByteLimit = 21

  /// The shortest digits that read back as `value`, as its `description` has them, but with no text made first.
  mutating func append(_ value: Double) {
    append(upTo: SinkEnd.byteLimit) { place in
      if let decimal = ShortestDecimal(value) { return decimal.write(at: place) }
      var end = SinkEnd(start: place)
      value.write(to: &end)
      return end.count
    }
  }

  /// A plain decimal: `units` of 10^-`places`, without zeros at the end of its fraction.
  ///
  /// - Parameters:
  ///   - units: not below 0.
  ///   - places: 8 at most.
  mutating func append(units: Int64, places: Int) {
    var (units, places) = (units, places)
    while places > 0, units % 10 == 0 { (units, places) = (units / 10, places - 1) }
    append(upTo: Self.decimalByteLimit) { start in
      // Its last digit comes first, so it is written at the end of its room.
      let end = start + Self.decimalByteLimit
      var place = end
      func put(_ byte: UInt8) {
        place -= 1
        place.storeBytes(of: byte, as: UInt8.self)
      }
      repeat {
        put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: units % 10))
        units /= 10
        places -= 1
        if places == 0 { put(UInt8(ascii: ".")) }
      } while units > 0 || places >= 0
      start.copyMemory(from: place, byteCount: end - place)
      return end - place
    }
  }

  /// `0.00` to `1.00`.
  ///
  /// - Parameter hundredths: 0 to 100.
  @inlinable @inline(__always)
  public mutating func append(hundredths: Int) {
    let digits = UInt32(truncatingIfNeeded: hundredths)
    // A zero and a point, and what is added to the bytes of `0.00`, the first below.
    append(0x3030_2E30 + digits / 100 + (digits / 10 % 10) << 16 + (digits % 10) << 24)
  }
}

extension ShortestDecimal {
  /// All 17 digits are stored; zeros at their end are not counted.
  ///
  /// - Precondition: there is room for `SinkEnd.byteLimit`.
  /// - Returns: how many bytes it is long.
  fileprivate func write(at place: UnsafeMutableRawPointer) -> Int {
    let (first, others) = digits.quotientAndRemainder(dividingBy: 10_000_000_000_000_000)
    let (left, right) = others.quotientAndRemainder(dividingBy: 100_000_000)
    let lead = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: first)
    let (eight, last) = (Self.eight(left), Self.eight(right))
    if pointPlace <= 0 {
      // `0.00`
      place.storeBytes(of: UInt32(0x3030_2E30).littleEndian, as: UInt32.self)
      let start = place + 2 - pointPlace
      start.storeBytes(of: lead, as: UInt8.self)
      start.storeBytes(of: eight.littleEndian, toByteOffset: 1, as: UInt64.self)
      start.storeBytes(of: last.littleEndian, toByteOffset: 9, as: UInt64.self)
      return 2 - pointPlace + Self.digitCount - trailingZeros
    }
    // All before the point, then those after it once more, one place on.
    place.storeBytes(of: lead, as: UInt8.self)
    place.storeBytes(of: eight.littleEndian, toByteOffset: 1, as: UInt64.self)
    place.storeBytes(of: UInt8(ascii: "."), toByteOffset: pointPlace, as: UInt8.self)
    place.storeBytes(
      of: (eight &>> UInt64(8 &* (pointPlace &- 1))).littleEndian, toByteOffset: pointPlace + 1,
      as: UInt64.self)
    place.storeBytes(of: last.littleEndian, toByteOffset: 10, as: UInt64.self)
    return 1 + Self.digitCount - trailingZeros
  }
}

/// The end of a sink as something that numbers write themselves to.
private struct SinkEnd: TextOutputStream {
  /// No double has as many digits.
  static let byteLimit = 32

  let start: UnsafeMutableRawPointer
  private(set) var count = 0

  init(start: UnsafeMutableRawPointer) { self.start = start }

  mutating func write(_ text: String) {
    text.utf8.span.withUnsafeBufferPointer { _writeASCII($0) }
  }

  /// Where the standard library knows that all is ASCII it calls this instead of making a `String`: half the time.
  /// Would it ever cease to, the other is called.
  mutating func _writeASCII(_ bytes: UnsafeBufferPointer<UInt8>) {
    precondition(count + bytes.count <= Self.byteLimit, "a number has no more digits")
    guard let base = bytes.baseAddress else { return }
    (start + count).copyMemory(from: base, byteCount: bytes.count)
    count += bytes.count
  }
}
