import JSON

extension JSONValue {
  /// A whole number as a JSON value.
  package static func int(_ value: Int) -> JSONValue { .number(String(value)) }

  package static func strings(_ values: String...) -> JSONValue {
    .array(values.map { .string($0) })
  }

  /// An object with these members, in this order.
  package static func members(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
    .object(JSONObject(members.map { (name: $0.key, value: $0.value) }))
  }
}
