import JSON
import Testing

@Suite("Reading a request's fields")
struct FieldReaderTests {
  enum Colour: String, CaseIterable { case red, green }

  /// Any of the reader's methods, over the field `f` (or its older name `g`).
  struct Method: Sendable, CustomTestStringConvertible {
    var name: String
    var read: @Sendable (inout FieldReader) -> String?
    var testDescription: String { name }
  }

  static let text = Method(name: "text") { $0.text("f", "g", bytes: 2...5) }
  static let number = Method(name: "number") { $0.number("f", "g", in: 0...10).map { "\($0)" } }
  static let integer = Method(name: "integer") { $0.integer("f", "g", in: 1...10).map { "\($0)" } }
  static let bool = Method(name: "bool") { $0.bool("f").map { "\($0)" } }
  static let choice = Method(name: "choice") { $0.choice("f", of: Colour.self)?.rawValue }
  static let texts = Method(name: "texts") {
    $0.texts("f", count: 0...3, bytes: 1...4)?.joined(separator: "|")
  }
  static let object = Method(name: "object") { $0.object("f").map { "\($0.members.count)" } }
  static let nested = Method(name: "nested") { reader in
    reader.nested("f") { $0.text("in", bytes: 1...3) ?? "-" }
  }
  static let all = [text, number, integer, bool, choice, texts, object, nested]

  static func reader(_ json: String, prefix: String = "") throws -> FieldReader {
    FieldReader(try #require(try JSONValue.parse(Array(json.utf8)).object), prefix: prefix)
  }

  @Test(
    "a good value is read",
    arguments: [
      (text, #"{"f":"ab"}"#, "ab"), (text, #"{"f":"abcde"}"#, "abcde"),
      (text, #"{"f":"éé"}"#, "éé"),
      (text, #"{"g":"old"}"#, "old"), (text, #"{"g":"old","f":"new"}"#, "new"),
      (text, #"{"f":null,"g":"old"}"#, "old"),
      (number, #"{"f":0}"#, "0.0"), (number, #"{"f":10}"#, "10.0"),
      (number, #"{"f":1e-400}"#, "0.0"), (number, #"{"g":2.5}"#, "2.5"),
      (integer, #"{"f":1}"#, "1"), (integer, #"{"f":10.0}"#, "10"), (integer, #"{"f":1e1}"#, "10"),
      (integer, #"{"g":3}"#, "3"),
      (bool, #"{"f":true}"#, "true"), (bool, #"{"f":false}"#, "false"),
      (choice, #"{"f":"green"}"#, "green"),
      (texts, #"{"f":[]}"#, ""), (texts, #"{"f":["b","a","b"]}"#, "b|a"),
      (texts, #"{"f":["1","22","4444"]}"#, "1|22|4444"),
      (object, #"{"f":{}}"#, "0"), (object, #"{"f":{"a":1,"b":2}}"#, "2"),
      (nested, #"{"f":{"in":"x"}}"#, "x"), (nested, #"{"f":{}}"#, "-"),
    ])
  func good(method: Method, json: String, value: String) throws {
    var reader = try Self.reader(json)
    #expect(method.read(&reader) == value)
    #expect(reader.errors.isEmpty)
  }

  @Test(
    "absent and null read as nothing, with no fault", arguments: all,
    ["{}", #"{"f":null}"#, #"{"F":1,"h":2}"#])
  func absent(method: Method, json: String) throws {
    var reader = try Self.reader(json)
    #expect(method.read(&reader) == nil)
    #expect(reader.errors.isEmpty)
  }

  @Test(
    "a value of another type is named so",
    arguments: [
      (text, ["1", "true", "[]", "{}"]), (number, [#""1""#, "true", "[1]", "{}"]),
      (integer, [#""1""#, "false", "[1]", "{}", "1.5", "1e-1"]),
      (bool, ["1", "0", #""true""#, "[]", "{}"]),
      (choice, ["1", "true", "[]", "{}"]), (texts, ["1", #""a""#, "true", "{}"]),
      (object, ["1", #""a""#, "true", "[]"]), (nested, ["1", #""a""#, "true", "[]"]),
    ])
  func wrongType(method: Method, values: [String]) throws {
    for value in values {
      var reader = try Self.reader("{\"f\":\(value)}")
      #expect(method.read(&reader) == nil)
      #expect(reader.errors.map(\.field) == ["f"])
      #expect(reader.errors.map(\.code) == ["type"], "\(value)")
    }
  }

  @Test(
    "a value out of bounds has its own word",
    arguments: [
      (text, #""a""#, "length"), (text, #""abcdef""#, "length"), (text, #""""#, "length"),
      (text, #""ééé""#, "length"),
      (text, #""a\u0000b""#, "format"),
      (number, "-0.1", "range"), (number, "10.0000001", "range"), (number, "1e400", "range"),
      (number, "-1e400", "range"),
      (integer, "0", "range"), (integer, "11", "range"), (integer, "1e30", "range"),
      (integer, "1e400", "range"),
      (integer, "-9223372036854775809", "range"), (choice, #""blue""#, "value"),
      (choice, #""RED""#, "value"), (choice, #""""#, "value"),
      (texts, #"["a","b","c","d"]"#, "length"),
    ])
  func outOfBounds(method: Method, value: String, code: String) throws {
    var reader = try Self.reader("{\"f\":\(value)}")
    #expect(method.read(&reader) == nil)
    #expect(reader.errors.map(\.field) == ["f"])
    #expect(reader.errors.map(\.code) == [code])
    #expect(reader.errors.allSatisfy { $0.detail.hasPrefix("f ") })
  }

  @Test("every bad entry of a list is named by its place, and the list isn't read")
  func listFaults() throws {
    var reader = try Self.reader(#"{"f":["ok",1,"","good","a\u0000"]}"#)
    #expect(reader.texts("f", count: 0...5, bytes: 1...4) == nil)
    #expect(reader.errors.map(\.field) == ["f[1]", "f[2]", "f[4]"])
    #expect(reader.errors.map(\.code) == ["type", "length", "format"])
  }

  @Test("texts that look alike and differ in bytes stay apart")
  func bytewise() throws {
    var reader = try Self.reader(#"{"f":["é","e\u0301","é","e\u0301"]}"#)
    let texts = reader.texts("f", count: 0...4, bytes: 1...4)
    #expect(texts?.map { Array($0.utf8) } == [[0xC3, 0xA9], [0x65, 0xCC, 0x81]])
  }

  @Test("what is required and absent, null or wrong is told once")
  func required() throws {
    var reader = try Self.reader(#"{"b":null,"c":1,"d":"good"}"#)
    for name in ["a", "b", "c"] { #expect(reader.requiredText(name, bytes: 1...4) == nil) }
    #expect(reader.requiredText("d", bytes: 1...4) == "good")
    #expect(reader.errors.map(\.field) == ["a", "b", "c"])
    #expect(reader.errors.map(\.code) == ["required", "required", "type"])
    #expect(!reader.has("a") && !reader.has("b") && reader.has("c"))
  }

  @Test("the older name's fault is told under that name")
  func olderName() throws {
    var reader = try Self.reader(#"{"g":"x"}"#)
    #expect(reader.number("f", "g", in: 0...1) == nil)
    #expect(reader.errors.map(\.field) == ["g"])
  }

  @Test("all faults are gathered, nested ones under their path")
  func gathered() throws {
    var reader = try Self.reader(
      #"{"a":1,"o":{"b":"x","l":["",2],"p":{"c":[]}},"d":7}"#, prefix: "top.")
    _ = reader.text("a", bytes: 1...2)
    let read: String? = reader.nested("o") { reader in
      _ = reader.integer("b", in: 0...1)
      _ = reader.texts("l", count: 0...2, bytes: 1...2)
      _ = reader.nested("p") { $0.bool("c") }
      reader.fail("own", "value", "own is odd")
      return "read"
    }
    _ = reader.bool("d")
    #expect(read == "read")
    #expect(
      reader.errors.map(\.field) == [
        "top.a", "top.o.b", "top.o.l[0]", "top.o.l[1]", "top.o.p.c", "top.o.own", "top.d",
      ])
    #expect(
      reader.errors.map(\.code) == ["type", "type", "length", "type", "type", "value", "type"])
  }
}
