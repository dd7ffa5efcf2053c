import Foundation
import JSON
import TestRandom
import Testing

@Suite("Writing JSON")
struct WriterTests {
  @Test("random values are read back by Foundation and by our reader", arguments: 0..<8)
  func roundTrip(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<400 {
      let value = Self.value(&random, depth: 0)
      var json = JSONWriter()
      json.value(value)
      let theirs = try JSONSerialization.jsonObject(
        with: Data(json.bytes), options: [.fragmentsAllowed])
      #expect(FoundationOracle.isSame(value, theirs))
      #expect(try JSONValue.parse(json.bytes) == value)
    }
  }

  @Test("every character below U+0300, and some above, survives as value and as name")
  func characters() throws {
    for scalar in (0...0x300).compactMap(Unicode.Scalar.init) + [
      "日", "\u{FFFF}", "😀", "\u{10FFFF}",
    ] {
      let text = "a\(scalar)\"\\b"
      var json = JSONWriter()
      json.object { $0.field(named: text) { $0.value(text) } }
      let members = try #require(try JSONValue.parse(json.bytes).object).members
      #expect(members.map(\.name.utf8).map(Array.init) == [Array(text.utf8)])
      let theirs = try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: String]
      #expect(theirs == [text: text])
    }
  }

  @Test("what outgrows the room it was given is the same", arguments: 0..<4)
  func rooms(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<40 {
      let value = Self.value(&random, depth: 0)
      var json = JSONWriter()
      json.value(value)
      let count = json.byteCount
      for capacity in [0, 16, count - 1, count, count + 1, 2 * count] {
        #expect(JSONWriter.bytes(capacity: capacity) { $0.value(value) } == json.bytes)
      }
    }
  }

  @Test(
    "doubles are written by their shortest digits",
    arguments: [
      (0, "0"), (-0.0, "0"), (1, "1"), (-3, "-3"), (0.1, "0.1"),
      (0.30000000000000004, "0.30000000000000004"),
      (1e14, "100000000000000"), (1e15, "1000000000000000"), (0x1p53, "9007199254740992"),
      (0x1p54, "1.8014398509481984e+16"), (1e100, "1e+100"), (.leastNonzeroMagnitude, "5e-324"),
      (0.5, "0.5"),
      (1.7976931348623157e308, "1.7976931348623157e+308"), (.nan, "null"), (.infinity, "null"),
      (-.infinity, "null"),
    ] as [(Double, String)])
  func doubles(value: Double, text: String) {
    var json = JSONWriter()
    json.value(value)
    #expect(String(decoding: json.bytes, as: UTF8.self) == text)
  }

  @Test("decimals of few places have the digits that all other doubles have", arguments: 0..<4)
  func fewPlaces(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<20_000 {
      let fewest = Double(random.below(random.pick([100, 10_000, 100_000_000]))) / 10_000
      for value in [fewest, fewest.nextUp, fewest.nextDown, -fewest, 1 - fewest] {
        var json = JSONWriter()
        json.value(value)
        let text = "\(value)"
        let whole = text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        #expect(String(decoding: json.bytes, as: UTF8.self) == (whole == "-0" ? "0" : whole))
      }
    }
  }

  @Test(
    "units of a decimal place are written without the zeros at the end",
    arguments: [
      (0, 8, "0"), (0, 0, "0"), (5, 0, "5"), (120, 0, "120"), (5, 1, "0.5"), (12, 1, "1.2"),
      (120, 1, "12"), (1, 8, "0.00000001"), (14_400_000, 8, "0.144"), (100_000_000, 8, "1"),
      (1_000_000_001, 8, "10.00000001"), (.max, 8, "92233720368.54775807"),
      (.max, 0, "9223372036854775807"),
    ] as [(Int64, Int, String)])
  func units(units: Int64, places: Int, text: String) {
    var json = JSONWriter()
    json.piece(units: units, places: places)
    #expect(String(decoding: json.bytes, as: UTF8.self) == text)
  }

  @Test("what was written can be written again, also where that needs more room")
  func again() {
    var json = JSONWriter(capacity: 16)
    json.piece("0123456789")
    for _ in 0..<3 { json.piece(again: 2..<10) }
    json.piece(again: 4..<4)
    #expect(String(decoding: json.bytes, as: UTF8.self) == "0123456789234567892345678923456789")
  }

  @Test("any finite double reads back as itself", arguments: 0..<4)
  func doublesRoundTrip(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<2_000 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      var json = JSONWriter()
      json.value(value)
      #expect(try JSONValue.parse(json.bytes).double == value)
    }
  }

  @Test("fields of every kind stand in their order with commas between")
  func fields() {
    var json = JSONWriter()
    json.object { json in
      json.field("text", "a\"b")
      json.field("none", nil as String?)
      json.field("count", 3)
      json.field("large", UInt64.max)
      json.field("yes", true)
      json.field("half", 0.5)
      json.field("unknown", nil as Double?)
      json.field("list", ["x", "y"])
      json.field("empty", [])
      json.field("price", number: "0.80000001")
      json.field("any", value: .array([.null, .bool(false), .number("1e5")]))
      json.objectField("inner") { json in
        json.objectField("nothing") { _ in }
        json.arrayField("items") { json in
          json.object { $0.field("a", 1) }
          json.array { $0.value(2) }
          json.null()
        }
      }
      json.field(named: "x\ny") { $0.value("z") }
      json.field("last", 1)
    }
    let expected =
      #"{"text":"a\"b","none":null,"count":3,"large":18446744073709551615,"yes":true,"half":0.5,"#
      + #""unknown":null,"list":["x","y"],"empty":[],"price":0.80000001,"any":[null,false,1e5],"#
      + #""inner":{"nothing":{},"items":[{"a":1},[2],null]},"x\ny":"z","last":1}"#
    #expect(String(decoding: json.bytes, as: UTF8.self) == expected)
  }

  private static func value(_ random: inout SplitMix64, depth: Int) -> JSONValue {
    switch random.below(depth < 5 ? 8 : 5) {
    case 0: return .null
    case 1: return .bool(random.chance(50))
    case 2: return .number(RandomDocument.number(&random))
    case 3, 4: return .string(text(&random))
    case 5: return .array((0..<random.below(5)).map { _ in value(&random, depth: depth + 1) })
    default:
      var object = JSONObject()
      for index in 0..<random.below(5) {
        object.append(text(&random) + "\(index)", value(&random, depth: depth + 1))
      }
      return .object(object)
    }
  }

  private static func text(_ random: inout SplitMix64) -> String {
    var text = ""
    for _ in 0..<random.below(10) {
      text.unicodeScalars.append(
        random.chance(30) ? random.pick(["\"", "\\", "/", "\n"]) : RandomDocument.scalar(&random))
    }
    return text
  }
}
