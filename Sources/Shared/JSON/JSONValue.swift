/// A JSON value as it stood in the text. Numbers keep their digits, so that prices stay exact.
package enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  /// The number's own text, valid by RFC 8259's grammar.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  package var string: String? { if case .string(let text) = self { text } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var array: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
  package var object: JSONObject? { if case .object(let object) = self { object } else { nil } }
  package var isNull: Bool { self == .null }

  /// The number as a double; nil for other values and for numbers too large to be finite.
  package var double: Double? {
    guard case .number(let text) = self, let value = Double(text), value.isFinite else {
      return nil
    }
    return value
  }

  /// The number as a whole one, also when written `3.0` or `3e2`; nil where it isn't whole or fits no Int.
  package var int: Int? {
    guard case .number(let text) = self else { return nil }
    if let value = Int(text) { return value }
    guard let value = Double(text), value.rounded() == value, abs(value) < 9_007_199_254_740_992
    else { return nil }
    return Int(value)
  }

  /// A member of an object; nil when this is none or lacks it.
  package subscript(_ name: String) -> JSONValue? { object?[name] }
}

/// An object's members in the order of the text. Of two with one name the later counts, as in most readers.
package struct JSONObject: Equatable, Sendable {
  package private(set) var members: [(name: String, value: JSONValue)] = []

  package init() {}

  package init(_ members: [(name: String, value: JSONValue)]) { self.members = members }

  /// Objects here are small, so a walk beats a hash table.
  package subscript(_ name: String) -> JSONValue? {
    members.last { $0.name == name }?.value
  }

  package mutating func append(_ name: String, _ value: JSONValue) {
    members.append((name, value))
  }

  package static func == (left: JSONObject, right: JSONObject) -> Bool {
    left.members.elementsEqual(right.members) { $0.name == $1.name && $0.value == $1.value }
  }
}
