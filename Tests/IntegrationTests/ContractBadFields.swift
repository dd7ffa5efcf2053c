import Testing

/// A member that a request must not have, with the complaint that it gets.
struct BadField: Sendable, CustomTestStringConvertible {
  let member: String
  let field: String
  let code: String

  init(_ member: String, _ field: String, _ code: String) {
    self.member = member
    self.field = field
    self.code = code
  }

  var testDescription: String { "\(member.prefix(60)) is \(code)" }
}

extension String {
  /// Of this many bytes.
  static func letters(_ count: Int) -> String { String(repeating: "x", count: count) }
}

/// A JSON list of `count` different strings.
func listOfNames(_ count: Int) -> String {
  "[" + (0..<count).map { "\"n\($0)\"" }.joined(separator: ",") + "]"
}

private let notTexts: [(value: String, code: String)] = [
  ("5", "type"), ("[]", "type"), ("{}", "type"), ("true", "type"),
  (#""with\u0000in its middle""#, "format"),
]

/// A field of text that may have this many bytes at most.
func badText(_ field: String, name: String? = nil, over limit: Int) -> [BadField] {
  let name = name ?? field
  return notTexts.map { BadField(#""\#(field)": \#($0.value)"#, name, $0.code) } + [
    BadField(#""\#(field)": "\#(String.letters(limit + 1))""#, name, "length")
  ]
}

/// A field of whole or broken numbers, with values just outside its range.
func badNumber(
  _ field: String, name: String? = nil, outside: String..., isWhole: Bool = false
) -> [BadField] {
  let name = name ?? field
  let values: [(String, String)] =
    outside.map { ($0, "range") } + [("1e30", "range"), ("-1e30", "range"), ("1e400", "range")]
    + [(#""1""#, "type"), ("true", "type"), ("[1]", "type"), ("{}", "type"), (#""""#, "type")]
    + (isWhole ? [("1.5", "type")] : [])
  return values.map { BadField(#""\#(field)": \#($0.0)"#, name, $0.1) }
}

func badPrice(_ field: String, name: String? = nil) -> [BadField] {
  let values = [
    ("-0.1", "range"), ("-1e-8", "range"), (#""-1""#, "range"), ("1e30", "range"),
    ("1000000000.00000001", "range"), ("0.123456789", "format"), (#""0.123456789""#, "format"),
    (#""NaN""#, "format"), (#""cheap""#, "format"), (#""1,5""#, "format"), (#""""#, "format"),
    (#"" 1""#, "format"), ("true", "type"), ("[]", "type"), ("{}", "type"),
  ]
  return values.map { BadField(#""\#(field)": \#($0.0)"#, name ?? field, $0.1) }
}

func badList(_ field: String, name: String? = nil, limit: Int = 128) -> [BadField] {
  let name = name ?? field
  return [
    BadField(#""\#(field)": "one""#, name, "type"), BadField(#""\#(field)": 5"#, name, "type"),
    BadField(#""\#(field)": \#(listOfNames(257))"#, name, "length"),
    BadField(#""\#(field)": ["a", 5]"#, "\(name)[1]", "type"),
    BadField(#""\#(field)": ["a", null]"#, "\(name)[1]", "type"),
    BadField(#""\#(field)": [""]"#, "\(name)[0]", "length"),
    BadField(#""\#(field)": ["\#(String.letters(limit + 1))"]"#, "\(name)[0]", "length"),
    BadField(#""\#(field)": ["a\u0000"]"#, "\(name)[0]", "format"),
  ]
}

let badTags: [BadField] =
  badList("tags") + [
    BadField(#""tags": {"a": null}"#, "tags.a", "type"),
    BadField(#""tags": {"a": ["b"]}"#, "tags.a", "type"),
    BadField(#""tags": {"a": "\#(String.letters(127))"}"#, "tags.a", "length"),
    BadField(#""tags": {"a": "\u0000"}"#, "tags.a", "format"),
    BadField(
      #""tags": {"# + (0..<257).map { #""k\#($0)": 1"# }.joined(separator: ",") + "}", "tags",
      "length"),
  ]

let badNames: [BadField] =
  ["5", "[]", "true"].map { BadField(#""miner_id": \#($0)"#, "miner_id", "type") }
  + ["", "a b", "a/b", "ü", #"a\u0000"#, .letters(65)].map {
    BadField(#""miner_id": "\#($0)""#, "miner_id", "format")
  }

/// Live measurements, of updates and heartbeats alike.
let badMeasurements: [BadField] =
  badNumber("queue_len", outside: "-1", "1000000001", isWhole: true)
  + badNumber("avg_latency_ms", outside: "-0.1", "86400001")
  + badNumber("temp_c", outside: "-101", "1001") + badNumber("mem_free_gb", outside: "-1")
  + [
    BadField(#""busy": "yes""#, "busy", "type"), BadField(#""busy": 1"#, "busy", "type"),
    BadField(#""status": "asleep""#, "status", "value"),
    BadField(#""status": "Active""#, "status", "value"),
    BadField(#""status": 1"#, "status", "type"),
    BadField(#""current_jobs": "one""#, "current_jobs", "type"),
    BadField(#""current_jobs": -1"#, "current_jobs", "range"),
    BadField(#""current_jobs": [1]"#, "current_jobs[0]", "type"),
    BadField(#""current_jobs": ["\#(String.letters(65))"]"#, "current_jobs[0]", "length"),
    BadField(#""current_jobs": \#(listOfNames(257))"#, "current_jobs", "length"),
  ]
