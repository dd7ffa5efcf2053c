import Domain
import GatewayAPI
import JSON
import Testing

/// Reads requests from their text and looks at what is wrong with them.
enum RequestReading {
  static func object(_ json: String) throws -> JSONObject {
    try #require(try JSONValue.parse(Array(json.utf8)).object)
  }

  /// `field code` of every fault with which `read` refuses the body.
  static func faults(_ json: String, _ read: (JSONObject) throws -> Void) throws -> [String] {
    let object = try object(json)
    let problem = try #require(#expect(throws: Problem.self) { try read(object) })
    #expect(problem.code == .invalidFields)
    #expect(problem.status == 422)
    for error in problem.errors { #expect(!error.detail.isEmpty) }
    return problem.errors.map { "\($0.field) \($0.code)" }
  }
}

/// One bad value of one field, and the fault that it must be answered with.
struct BadField: Sendable, CustomTestStringConvertible {
  var field: String
  var value: String
  /// As the answer names it: the field itself unless it lies deeper.
  var fault: String

  init(_ field: String, _ value: String, _ code: String, at path: String? = nil) {
    self.field = field
    self.value = value
    fault = "\(path ?? field) \(code)"
  }

  var testDescription: String { "\(field): \(value.prefix(40))" }

  static func text(_ count: Int) -> String { "\"" + String(repeating: "x", count: count) + "\"" }

  static func list(_ count: Int) -> String {
    "[" + (0..<count).map { "\"n\($0)\"" }.joined(separator: ",") + "]"
  }

  /// What every field that wants a list of names refuses.
  static func names(_ field: String, path: String? = nil) -> [BadField] {
    let path = path ?? field
    return [
      BadField(field, "\"a\"", "type", at: path),
      BadField(field, "[\"a\",1]", "type", at: "\(path)[1]"),
      BadField(field, "[null]", "type", at: "\(path)[0]"),
      BadField(field, "[\"\"]", "length", at: "\(path)[0]"),
      BadField(field, "[\(text(129))]", "length", at: "\(path)[0]"),
      BadField(field, "[\"a\\u0000\"]", "format", at: "\(path)[0]"),
      BadField(field, list(257), "length", at: path),
    ]
  }

  static func number(_ field: String, path: String? = nil, above limit: String) -> [BadField] {
    let path = path ?? field
    return [
      BadField(field, "\"8\"", "type", at: path), BadField(field, "true", "type", at: path),
      BadField(field, "[]", "type", at: path), BadField(field, "-1e9", "range", at: path),
      BadField(field, limit, "range", at: path), BadField(field, "1e30", "range", at: path),
      BadField(field, "1e999", "range", at: path),
    ]
  }

  static func text(_ field: String, path: String? = nil, over count: Int) -> [BadField] {
    let path = path ?? field
    return [
      BadField(field, "7", "type", at: path), BadField(field, "[\"a\"]", "type", at: path),
      BadField(field, text(count + 1), "length", at: path),
      BadField(field, "\"a\\u0000\"", "format", at: path),
    ]
  }

  static func price(_ field: String, path: String? = nil) -> [BadField] {
    let path = path ?? field
    return [
      BadField(field, "true", "type", at: path), BadField(field, "[1]", "type", at: path),
      BadField(field, "\"NaN\"", "format", at: path), BadField(field, "\"\"", "format", at: path),
      BadField(field, "\"+1\"", "format", at: path), BadField(field, "\" 1\"", "format", at: path),
      BadField(field, "0.000000001", "format", at: path),
      BadField(field, "\"0.123456789\"", "format", at: path),
      BadField(field, "-1", "range", at: path),
      BadField(field, "\"-0.00000001\"", "range", at: path),
      BadField(field, "1e30", "range", at: path),
      BadField(field, "1000000000.00000001", "range", at: path),
    ]
  }
}
