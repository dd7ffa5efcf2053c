/// An exact amount of tokens, kept as a whole number of 10⁻⁸ tokens and never as binary floating point.
package struct Price: Hashable, Comparable, Sendable, CustomStringConvertible {
  package static let fractionDigits = 8
  package static let zero = Price(units: 0)

  /// 10⁻⁸ tokens.
  package let units: Int64

  package init(units: Int64) { self.units = units }

  package enum ParseError: Error, Equatable { case notANumber, tooManyPlaces, outOfRange }

  /// Reads a decimal as JSON writes numbers (`12`, `0.8`, `1.5e-3`), digit by digit.
  ///
  /// - Throws: `ParseError`: not such a number, more than 8 places that matter, below 0 or above 10⁹.
  package init(decimal text: String) throws(ParseError) {
    var number = try DecimalText(text)
    number.dropTrailingZeros()
    if number.digits.isEmpty {
      self.units = 0
      return
    }
    if number.isNegative { throw .outOfRange }
    // The value is digits × 10^exponent; in units it is digits × 10^(exponent + 8).
    let scale = number.exponent + Self.fractionDigits
    if scale < 0 { throw .tooManyPlaces }
    if number.digits.count + scale > 18 { throw .outOfRange }
    var units: Int64 = 0
    for digit in number.digits { units = units * 10 + Int64(digit) }
    for _ in 0..<scale { units *= 10 }
    guard Limits.priceUnits.contains(units) else { throw .outOfRange }
    self.units = units
  }

  /// The plain decimal with all its digits and no trailing zeros: `0.8`, `12`, `0.00000001`.
  package var description: String {
    let (whole, fraction) = units.quotientAndRemainder(dividingBy: 100_000_000)
    if fraction == 0 { return String(whole) }
    var (digits, places) = (fraction, Self.fractionDigits)
    while digits % 10 == 0 { (digits, places) = (digits / 10, places - 1) }
    let start = "\(whole)."
    return String(unsafeUninitializedCapacity: start.utf8.count + places) { bytes in
      let point = bytes.initialize(fromContentsOf: start.utf8) - 1
      for place in stride(from: point + places, to: point, by: -1) {
        bytes[place] = UInt8(ascii: "0") + UInt8(digits % 10)
        digits /= 10
      }
      return point + 1 + places
    }
  }

  /// The nearest double, for scoring.
  package var tokens: Double { Double(units) / 100_000_000 }

  package static func < (left: Price, right: Price) -> Bool { left.units < right.units }
}

/// A decimal taken apart: sign, significant digits, power of ten.
private struct DecimalText {
  var isNegative = false
  var digits: [UInt8] = []
  var exponent = 0

  init(_ text: String) throws(Price.ParseError) {
    var rest = Array(text.utf8)[...]
    if rest.first == UInt8(ascii: "-") {
      isNegative = true
      rest = rest.dropFirst()
    }
    let whole = Self.takeDigits(&rest)
    if whole.isEmpty || (whole.count > 1 && whole.first == 0) { throw .notANumber }
    digits = Array(whole)
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      let fraction = Self.takeDigits(&rest)
      if fraction.isEmpty { throw .notANumber }
      digits += fraction
      exponent = -fraction.count
    }
    if let mark = rest.first, mark | 0x20 == UInt8(ascii: "e") {
      rest = rest.dropFirst()
      exponent += try Self.takeExponent(&rest)
    }
    if !rest.isEmpty { throw .notANumber }
    digits = Array(digits.drop { $0 == 0 })
  }

  mutating func dropTrailingZeros() {
    while digits.last == 0 {
      digits.removeLast()
      exponent += 1
    }
  }

  private static func takeDigits(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
    let taken = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    rest = rest.dropFirst(taken.count)
    return taken.map { $0 - UInt8(ascii: "0") }
  }

  /// Exponents are held at ±10¹², where no text is long enough for its digits to make up for them.
  private static func takeExponent(_ rest: inout ArraySlice<UInt8>) throws(Price.ParseError) -> Int
  {
    var sign = 1
    if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") {
      sign = rest.first == UInt8(ascii: "-") ? -1 : 1
      rest = rest.dropFirst()
    }
    let digits = takeDigits(&rest)
    if digits.isEmpty { throw .notANumber }
    return sign * digits.reduce(0) { min($0 * 10 + Int($1), 1_000_000_000_000) }
  }
}
