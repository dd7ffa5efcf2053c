import Testing

@testable import JSON

@Suite("Reading JSON")
struct ParserTests {
  static func parse(_ text: String) throws -> JSONValue { try JSONValue.parse(Array(text.utf8)) }

  @Test(
    "escapes become their characters",
    arguments: [
      (#""\" \\ \/ \b \f \n \r \t""#, "\" \\ / \u{8} \u{C} \n \r \t"),
      (#""\u0041\u00e9\u65E5""#, "Aé日"),
      (#""\uD83D\uDE00""#, "😀"), (#""\ud800\udc00\uDBFF\uDFFF""#, "\u{10000}\u{10FFFF}"),
      (#""\u0000""#, "\0"), (#""a\u0000b""#, "a\0b"),
      (#""\uFFFF\uE000\ud7ff""#, "\u{FFFF}\u{E000}\u{D7FF}"),
      ("\"\u{7F}\u{2028}\"", "\u{7F}\u{2028}"), (#""é😀""#, "é😀"), (#""""#, ""),
    ])
  func escapes(text: String, value: String) throws {
    let read = try #require(try Self.parse(text).string)
    #expect(read.utf8.elementsEqual(value.utf8))
  }

  @Test(
    "a bad escape or half a surrogate pair is refused",
    arguments: [
      #""\x""#, #""\ ""#, #""\U0041""#, #""\u12""#, #""\u12g4""#, #""\u 123""#, #""\u+123""#,
      #""\ud800""#,
      #""\udc00""#, #""\udfff""#, #""\ud800\ud800""#, #""\ud800x""#, #""\ud800\n""#,
      #""\ud800\u0041""#,
      #""\uDE00\uD83D""#, #""\u""#,
    ])
  func badEscapes(text: String) {
    #expect(throws: JSONError.self) { try Self.parse(text) }
  }

  @Test(
    "bytes that are not UTF-8 are refused, in values, in names and beside escapes",
    arguments: [
      [0xFF], [0xC0, 0x80], [0xC3], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80],
      [0xF0, 0x9F, 0x98], [0xE6, 0x97, 0x22], [0xF8, 0x88, 0x80, 0x80, 0x80],
    ] as [[UInt8]])
  func badUTF8(bytes: [UInt8]) {
    let quote: [UInt8] = [0x22]
    for text in [
      quote + bytes + quote, Array("[\"\\n".utf8) + bytes + Array("\"]".utf8),
      Array("{\"".utf8) + bytes + Array("\":1}".utf8), bytes,
    ] {
      #expect(throws: JSONError.self) { try JSONValue.parse(text) }
    }
  }

  @Test("a raw control character in a string is refused", arguments: 0..<0x20)
  func controls(byte: UInt8) {
    #expect(throws: JSONError(fault: .unexpectedByte, byteOffset: 2)) {
      try JSONValue.parse([0x22, 0x61, byte, 0x22])
    }
    #expect(throws: JSONError.self) { try JSONValue.parse([0x22, 0x5C, 0x6E, byte, 0x22]) }
  }

  @Test(
    "what the grammar hasn't got is refused",
    arguments: [
      "", " ", "nul", "nulll", "True", "NaN", "Infinity", "-Infinity", "undefined", "'a'", "\"a",
      "a",
      "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{", "}", "{\"a\"}", "{\"a\":}",
      "{\"a\":1,}",
      "{\"a\":1 \"b\":2}", "{a:1}", "{1:1}", "{\"a\" 1}", "{,}", "[}", "{]", "// x\n1", "/**/1",
      "1 // x",
      "\u{B}1", "\u{A0}1", "\u{FEFF}1", "#1",
    ])
  func badGrammar(text: String) {
    #expect(throws: JSONError.self) { try Self.parse(text) }
  }

  @Test(
    "nothing may follow the value",
    arguments: ["1 2", "true1", "{}{}", "[]]", "null,", "\"a\"\"b\"", "1\0"])
  func trailing(text: String) throws {
    let error = #expect(throws: JSONError.self) { try Self.parse(text) }
    #expect(error?.fault == .trailingBytes)
  }

  @Test(
    "an error names its place",
    arguments: [
      ("[1,x]", JSONError(fault: .unexpectedByte, byteOffset: 3)),
      ("{\"é\":01}", JSONError(fault: .badNumber, byteOffset: 8)),
      ("\"abc", JSONError(fault: .unexpectedEnd, byteOffset: 4)),
      ("1 x", JSONError(fault: .trailingBytes, byteOffset: 2)),
    ])
  func places(text: String, error: JSONError) {
    #expect(throws: error) { try Self.parse(text) }
  }

  @Test(
    "numbers keep their text",
    arguments: [
      "0", "-0", "0.10", "1E5", "1e+05", "-12.5e-3", "123456789012345678901234567890", "1e400",
      "0.1",
      "0.30000000000000000000000000000004", "9007199254740993",
    ])
  func numbers(text: String) throws {
    #expect(try Self.parse(text) == .number(text))
    #expect(try Self.parse("[\(text) ]").array == [.number(text)])
  }

  @Test(
    "what is no number is refused",
    arguments: [
      "01", "-01", "00", "1.", ".5", "-", "-a", "+1", "1e", "1e+", "1.e1", "1.5.5", "0x10", "1_0",
      "--1",
    ])
  func badNumbers(text: String) {
    #expect(throws: JSONError.self) { try Self.parse(text) }
    #expect(throws: JSONError.self) { try Self.parse("[\(text)]") }
  }

  @Test(
    "numbers become doubles and whole numbers where they can",
    arguments: [
      ("3", 3, 3), ("3.0", 3, 3), ("3e2", 300, 300), ("-0", 0, 0), ("3.5", 3.5, nil),
      ("1e400", nil, nil),
      ("1e30", 1e30, nil), ("-9007199254740993", -0x1p53, -9_007_199_254_740_993),
      ("9223372036854775807", 0x1p63, .max), ("9223372036854775808", 0x1p63, nil),
    ] as [(String, Double?, Int?)])
  func accessors(text: String, double: Double?, int: Int?) throws {
    let value = try Self.parse(text)
    #expect(value.double == double)
    #expect(value.int == int)
  }

  @Test("nesting is taken 32 deep and no deeper, however long the bomb")
  func depth() throws {
    func nested(_ count: Int, _ open: String, _ close: String) -> String {
      String(repeating: open, count: count) + "0" + String(repeating: close, count: count)
    }
    _ = try Self.parse(nested(32, "[", "]"))
    _ = try Self.parse(nested(32, "{\"a\":", "}"))
    for text in [
      nested(33, "[", "]"), nested(33, "{\"a\":", "}"), String(repeating: "[", count: 1_000_000),
      String(repeating: "[{\"a\":", count: 200_000),
    ] {
      let error = #expect(throws: JSONError.self) { try Self.parse(text) }
      #expect(error?.fault == .tooDeep)
    }
    // Beside each other is not inside each other.
    let flat = "[" + Array(repeating: "[[]]", count: 1_000).joined(separator: ",") + "]"
    #expect(try Self.parse(flat).array?.count == 1_000)
  }

  @Test("members keep their order, and of two with one name the later counts")
  func members() throws {
    let object = try #require(try Self.parse(#"{"b":1,"a":2,"b":3,"":4}"#).object)
    #expect(object.members.map(\.name) == ["b", "a", "b", ""])
    #expect(object["b"] == .number("3"))
    #expect(object[""] == .number("4"))
    #expect(object["c"] == nil)
    #expect(try Self.parse(#"{"a":{"b":[true]}}"#)["a"]?["b"] == .array([.bool(true)]))
    #expect(JSONValue.null["a"] == nil)
  }

  @Test("bytes are read wherever they lie")
  func collections() throws {
    let bytes = Array("xx[1]xx".utf8)
    #expect(try JSONValue.parse(bytes[2..<5]) == .array([.number("1")]))
    #expect(try JSONValue.parse("[1]".utf8.lazy.map { $0 }) == .array([.number("1")]))
  }
}
