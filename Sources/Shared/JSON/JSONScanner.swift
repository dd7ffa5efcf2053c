/// Takes a JSON text apart token by token for a reader that knows which shape it wants, without
/// allocating. It takes only what is plain: no escapes, no exponents, no long numbers. Whatever isn't
/// plain, sound JSON or not, is nil or false, and is for `JSONValue.parse` to judge.
///
/// Public for the same reason as `ByteSink`: most of what it does is to look at one byte.
public struct JSONScanner {
  /// A number without an exponent: `digits` · 10^-`places`.
  package struct Decimal {
    package var isNegative: Bool
    /// Up to 15 digits, so that a double holds it exactly.
    package var digits: Int64
    /// Digits after the point.
    package var places: Int

    /// The nearest double: one correctly rounded division of two exact numbers (Clinger 1990).
    package var double: Double {
      let value = Double(digits) / JSONScanner.powersOfTen[places]
      return isNegative ? -value : value
    }
  }

  private static let digitLimit = 15
  private static let powersOfTen: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
  ]

  @usableFromInline let bytes: UnsafeRawBufferPointer
  @usableFromInline var position = 0

  /// - Precondition: `bytes` outlives the scanner and what it returns.
  package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Nothing but space is left.
  package mutating func isAtEnd() -> Bool {
    skipSpace()
    return position == bytes.count
  }

  /// Past space, takes this byte if it is the next.
  @inlinable @inline(__always)
  public mutating func take(_ byte: UInt8) -> Bool {
    if position < bytes.count, bytes[position] <= 0x20 { skipSpace() }
    guard position < bytes.count, bytes[position] == byte else { return false }
    position += 1
    return true
  }

  package mutating func takeNull() -> Bool { take("null") }

  /// true or false; nil when neither is next.
  package mutating func bool() -> Bool? { take("true") ? true : take("false") ? false : nil }

  /// An object's next name and the colon behind it.
  package mutating func name() -> UnsafeRawBufferPointer? {
    guard let name = string()?.bytes, take(UInt8(ascii: ":")) else { return nil }
    return name
  }

  /// A string with no escape in it and no byte above 0x7F, or valid UTF-8.
  package mutating func text() -> String? {
    guard let (bytes, isASCII) = string() else { return nil }
    if isASCII { return String(decoding: bytes, as: UTF8.self) }
    return String(validating: bytes, as: UTF8.self)
  }

  /// The bytes between the quotes; sound UTF-8 only where `isASCII`.
  private mutating func string() -> (bytes: UnsafeRawBufferPointer, isASCII: Bool)? {
    guard take(UInt8(ascii: "\"")) else { return nil }
    var end = position
    var union: UInt64 = 0
    while bytes.count - end >= 8 {
      let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
      let stops = Self.stops(in: word)
      // What stands before the first of them.
      union |= word & ((stops & (0 &- stops)) &- 1)
      end += stops.trailingZeroBitCount / 8
      if stops != 0 { break }
    }
    // What is left of a string at the very end, or only the byte that ends it.
    while end < bytes.count {
      let byte = bytes[end]
      if byte == UInt8(ascii: "\"") {
        let text = UnsafeRawBufferPointer(rebasing: bytes[position..<end])
        position = end + 1
        return (text, union & Self.highBits == 0)
      }
      if byte < 0x20 || byte == UInt8(ascii: "\\") { return nil }
      union |= UInt64(byte)
      end += 1
    }
    return nil
  }

  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let highBits: UInt64 = 0x8080_8080_8080_8080

  /// The high bits of a word's bytes that end a plain string: its quote, a backslash, what is below a space. True
  /// up to the first of them; behind it others may be among them.
  ///
  /// Source: Anderson, "Bit Twiddling Hacks", "Determine if a word has a zero byte", "… a byte less than n".
  private static func stops(in word: UInt64) -> UInt64 {
    let quotes = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
    let backslashes = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
    return
      ((quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes
      | (word &- ones &* 0x20) & ~word) & highBits
  }

  package mutating func decimal() -> Decimal? {
    let isNegative = take(UInt8(ascii: "-"))
    if !isNegative { skipSpace() }
    let start = position
    var digits: Int64 = 0
    takeDigits(&digits)
    let wholeCount = position - start
    if wholeCount == 0 || (wholeCount > 1 && bytes[start] == UInt8(ascii: "0")) { return nil }
    var places = 0
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      let firstPlace = position
      takeDigits(&digits)
      places = position - firstPlace
      if places == 0 { return nil }
    }
    if wholeCount + places > Self.digitLimit { return nil }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") { return nil }
    return Decimal(isNegative: isNegative, digits: digits, places: places)
  }

  /// May wrap around, where there are more digits than any caller takes.
  private mutating func takeDigits(_ value: inout Int64) {
    while position < bytes.count {
      let digit = bytes[position] &- UInt8(ascii: "0")
      if digit > 9 { return }
      value = value &* 10 &+ Int64(digit)
      position += 1
    }
  }

  private mutating func take(_ word: StaticString) -> Bool {
    skipSpace()
    let count = word.utf8CodeUnitCount
    guard bytes.count - position >= count else { return false }
    for index in 0..<count where bytes[position + index] != word.utf8Start[index] { return false }
    position += count
    return true
  }

  @usableFromInline
  mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }
}
