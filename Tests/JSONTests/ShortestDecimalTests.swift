import TestRandom
import Testing

@testable import JSON

/// What stands beside it is what Swift itself says of a double.
@Suite("Shortest decimals")
struct ShortestDecimalTests {
  @Test(
    "fractions of all kinds have the digits of their description", arguments: 0..<4 as Range<UInt64>
  )
  func fractions(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<20_000 {
      let whole = Double(1 + random.below(1_000))
      let decimal = "0.\(random.below(random.pick([10_000, 1 << 30, 1 << 40, .max])))"
      for value in [
        Double.random(in: 0..<1, using: &random), Double.random(in: 0..<0.02, using: &random),
        whole / Double(1_000 + random.below(9_000)), 1 - whole / 27_013,
        0.35 + 0.3 * whole / 1_000 + 0.1 * Double.random(in: 0..<1, using: &random),
        Double(decimal)!, Double(decimal)!.nextUp, Double(decimal)!.nextDown,
        whole + Double.random(in: 0..<1, using: &random), whole + Double(decimal)!,
        whole / 7, 11 * whole / 13, Double(Float.random(in: 1..<200, using: &random)),
      ] { expectDescription(of: value) }
    }
  }

  @Test(
    "so have the neighbours of where a digit more begins, and of powers of two",
    arguments: [0.001, 0.01, 0.1, 1, 10, 100, 1_000, 10_000]
      + (-10...13).map { Double(sign: .plus, exponent: $0, significand: 1) })
  func edges(edge: Double) {
    expectDescription(of: edge)
    var (below, above) = (edge, edge)
    for _ in 0..<2_000 {
      (below, above) = (below.nextDown, above.nextUp)
      expectDescription(of: below)
      expectDescription(of: above)
    }
  }

  @Test("so have those that two decimals are equally near to, and they are left alone")
  func ties() {
    var leftCount = 0
    // 17 digits, the last a 5.
    for odd in stride(from: 1 << 16 + 1, to: 1 << 17, by: 2) {
      let value = Double(odd) / Double(1 << 17)
      if ShortestDecimal(value) == nil { leftCount += 1 }
      expectDescription(of: value)
      expectDescription(of: 1_000 * value)
      expectDescription(of: Double(odd) / 1024)
    }
    #expect(leftCount > 10_000)
  }

  @Test(
    "nothing else is taken",
    arguments: [
      0, -0.3, -3.7, 0.0009, 0.5, 1, 2, 3, 30, 700, 9_999, 10_000, 10_000.1, 1e300, -.infinity,
      .infinity, .nan, .leastNonzeroMagnitude,
    ])
  func others(value: Double) { #expect(ShortestDecimal(value) == nil) }

  @Test("eight digits are those of the number, whatever four of them are")
  func eight() {
    func digits(_ number: Int) -> String {
      withUnsafeBytes(of: ShortestDecimal.eight(UInt64(number)).littleEndian) {
        String(decoding: $0, as: UTF8.self)
      }
    }
    for four in 0..<10_000 {
      let text = String(String(10_000 + four).dropFirst())
      #expect(digits(four) == "0000" + text)
      #expect(digits(four * 10_000) == text + "0000")
      #expect(digits(four * 10_000 + 9_999 - four) == text + String(19_999 - four).dropFirst())
    }
  }

  private func expectDescription(of value: Double) {
    var json = JSONWriter()
    json.value(value)
    let text = "\(value)"
    #expect(
      String(decoding: json.bytes, as: UTF8.self)
        == (text.hasSuffix(".0") ? String(text.dropLast(2)) : text))
  }
}
