import Domain
import TestRandom
import Testing

@Suite("Prices")
struct PriceTests {
  @Test(
    "decimals are read exactly",
    arguments: [
      ("0", 0), ("-0", 0), ("0.0", 0), ("-0.000", 0), ("0e5", 0), ("0E-99999", 0),
      ("0.000000000000", 0), ("1", 100_000_000), ("0.1", 10_000_000), ("0.8", 80_000_000),
      ("0.3", 30_000_000), ("1.5e-3", 150_000), ("1E2", 10_000_000_000), ("1e+2", 10_000_000_000),
      ("1e-8", 1), ("0.00000001", 1), ("0.000000010", 1), ("0.10000000000000", 10_000_000),
      ("1.000000000", 100_000_000), ("10e-9", 1), ("1200e-10", 12), ("0.00000000001e3", 1),
      ("123456789.12345678", 12_345_678_912_345_678), ("1e9", 100_000_000_000_000_000),
      ("1000000000", 100_000_000_000_000_000), ("1000000000.00000000", 100_000_000_000_000_000),
      ("0.1e10", 100_000_000_000_000_000), ("999999999.99999999", 99_999_999_999_999_999),
      ("100000000000000000e-8", 100_000_000_000_000_000),
      ("90071992.54740993", 9_007_199_254_740_993),
    ] as [(String, Int64)])
  func exact(text: String, units: Int64) throws {
    #expect(try Price(decimal: text).units == units)
  }

  @Test(
    "what is no JSON number is refused",
    arguments: [
      "", " ", "-", "+1", "000", "01", "-01", "00.1", "1.", ".5", "-.5", "1e", "1e+", "1e-", "e5",
      "1.e5", "NaN", "nan", "Infinity", "-Infinity", "inf", "0x10", "1_000", "1,5", "1 ", " 1",
      "1.5.5", "1e5e5", "1e1.5", "--1", "1-", "１", "1\0", "٣", "1\u{301}", "one",
    ])
  func notANumber(text: String) {
    #expect(throws: Price.ParseError.notANumber) { try Price(decimal: text) }
  }

  @Test(
    "a ninth place that matters is refused, wherever it stands",
    arguments: [
      "0.000000001", "1e-9", "0.123456789", "1.000000001", "15e-9", "1e-99999",
      "1e-99999999999999999999",
      "123456789.123456789", "0.1e-8", "0.99999999999999999999",
    ])
  func tooManyPlaces(text: String) {
    #expect(throws: Price.ParseError.tooManyPlaces) { try Price(decimal: text) }
  }

  @Test(
    "below 0 and above 10⁹ are refused",
    arguments: [
      "-1", "-0.00000001", "-1e-8", "-1e30", "1000000000.00000001", "1000000001", "1e10", "1e30",
      "1.1e9",
      "1e400", "1e99999999999999999999", "9223372036854775807", "9223372036854775808",
      "92233720368.54775808", "184467440737095516160",
    ])
  func outOfRange(text: String) {
    #expect(throws: Price.ParseError.outOfRange) { try Price(decimal: text) }
  }

  @Test("an exponent weighs what it says also against thousands of places")
  func longTexts() throws {
    let zeros = String(repeating: "0", count: 9_998)
    #expect(throws: Price.ParseError.outOfRange) { try Price(decimal: "0.\(zeros)1e99999") }
    #expect(try Price(decimal: "0.\(zeros)1e9999") == Price(units: 100_000_000))
    #expect(try Price(decimal: "1\(zeros)e-9998") == Price(units: 100_000_000))
    #expect(try Price(decimal: "0.\(zeros)\(zeros)\(zeros)") == .zero)
    #expect(throws: Price.ParseError.outOfRange) { try Price(decimal: "1\(zeros)") }
  }

  @Test(
    "a price is told by all its digits and no more",
    arguments: [
      (0, "0"), (1, "0.00000001"), (10, "0.0000001"), (80_000_000, "0.8"), (100_000_000, "1"),
      (1_200_000_000, "12"), (123_456_789, "1.23456789"), (100_000_000_000_000_000, "1000000000"),
      (99_999_999_999_999_999, "999999999.99999999"), (100_000_010, "1.0000001"),
    ] as [(Int64, String)])
  func description(units: Int64, text: String) {
    #expect("\(Price(units: units))" == text)
  }

  @Test("any price is read back from what it says", arguments: 0..<8)
  func roundTrip(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<2_000 {
      let units = Self.units(&random)
      let text = "\(Price(units: units))"
      #expect(try Price(decimal: text).units == units)
      #expect(!text.contains(".") || !text.hasSuffix("0"), "\(text)")
    }
  }

  @Test("however a decimal is written, it is the same price", arguments: 0..<8)
  func spellings(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<2_000 {
      let units = Self.units(&random)
      let text = Self.spelling(units, &random)
      #expect(try Price(decimal: text).units == units, "\(text)")
    }
  }

  @Test("prices are ordered by amount, and tokens is the nearest double")
  func order() throws {
    #expect(try Price(decimal: "0.1") < Price(decimal: "0.2"))
    #expect(try Price(decimal: "9") < Price(decimal: "10"))
    #expect(try Price(decimal: "0.1").tokens == 0.1)
    #expect(Price(units: Limits.priceUnits.upperBound).tokens == 1e9)
  }

  /// Of every size from nothing to the most.
  private static func units(_ random: inout SplitMix64) -> Int64 {
    var bound: Int64 = 1
    for _ in 0..<random.below(18) { bound *= 10 }
    return Int64.random(in: 0...bound, using: &random)
  }

  /// digits × 10^-8 with the point moved, an exponent that makes up for it, and zeros that say nothing.
  private static func spelling(_ units: Int64, _ random: inout SplitMix64) -> String {
    var digits = String(units)
    let places = random.below(30)
    while digits.count <= places { digits = "0" + digits }
    let whole = digits.dropLast(places)
    let fraction = digits.suffix(places) + String(repeating: "0", count: random.below(4))
    let exponent = places - 8
    let sign = exponent < 0 ? "" : random.pick(["", "+"])
    let mark =
      exponent == 0 && random.chance(50) ? "" : random.pick(["e", "E"]) + sign + "\(exponent)"
    return whole + (fraction.isEmpty ? "" : "." + fraction) + mark
  }
}
