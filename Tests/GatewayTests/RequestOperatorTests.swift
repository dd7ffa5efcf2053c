import Domain
import GatewayAPI
import JSON
import Testing

@Suite("Operators' requests")
struct RequestOperatorTests {
  static let now = Timestamp(milliseconds: 1_700_000_000_000)

  static func override(_ json: String) throws -> PriceOverride {
    try PriceOverrideRequest(RequestReading.object(json), at: now).priceOverride
  }

  static func overrideFaults(_ json: String) throws -> [String] {
    try RequestReading.faults(json) { _ = try PriceOverrideRequest($0, at: now) }
  }

  @Test("a price override is read, with and without an end")
  func priceOverride() throws {
    let lasting = try Self.override(#"{"price":"0.5","reason":"trial"}"#)
    #expect(
      lasting == PriceOverride(price: Price(units: 50_000_000), reason: "trial", expiresAt: nil))
    let ending = try Self.override(
      #"{"price":0,"reason":"r","expires_at":"2030-01-31T12:00:00.250Z"}"#)
    #expect(ending.price == .zero)
    #expect(ending.expiresAt == Timestamp(milliseconds: 1_896_091_200_250))
  }

  @Test(
    "one bad field of a price override is named",
    arguments:
      BadField.price("price") + BadField.text("reason", over: 256) + [
        BadField("price", "null", "required"), BadField("reason", "null", "required"),
        BadField("reason", "\"\"", "length"), BadField("expires_at", "1893456000", "type"),
        BadField("expires_at", "\"tomorrow\"", "format"),
        BadField("expires_at", "\"\"", "length"),
        BadField("expires_at", "\"2001-01-01T00:00:00Z\"", "range"),
        BadField("expires_at", "\"2023-11-14T22:13:20.000Z\"", "range"),
      ])
  func badOverride(_ bad: BadField) throws {
    let body = "{\"price\":1,\"reason\":\"r\",\"\(bad.field)\":\(bad.value)}"
    #expect(try Self.overrideFaults(body) == [bad.fault])
  }

  @Test("all faults of a price override are told at once")
  func severalInOverride() throws {
    #expect(
      try Self.overrideFaults(#"{"price":-1,"expires_at":"x"}"#)
        == ["price range", "reason required", "expires_at format"])
  }

  @Test(
    "times are read as RFC 3339 has them",
    arguments: [
      ("2030-01-31T12:00:00Z", 1_896_091_200_000), ("2030-01-31T12:00:00.5Z", 1_896_091_200_500),
      ("2030-01-31t12:00:00.123z", 1_896_091_200_123),
      ("2030-01-31T12:00:00.123456789Z", 1_896_091_200_123),
      ("2030-01-31T14:00:00+02:00", 1_896_091_200_000),
      ("2030-01-31T09:30:00.001-02:30", 1_896_091_200_001),
      ("2030-02-01T00:00:00+12:00", 1_896_091_200_000), ("2032-02-29T00:00:00Z", 1_961_625_600_000),
      ("2100-03-01T00:00:00-00:00", 4_107_542_400_000),
      ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ] as [(String, Int64)])
  func times(text: String, milliseconds: Int64) throws {
    let json = "{\"price\":1,\"reason\":\"r\",\"expires_at\":\"\(text)\"}"
    #expect(try Self.override(json).expiresAt?.milliseconds == milliseconds)
  }

  @Test(
    "what is no time, or a day that doesn't exist, is refused",
    arguments: [
      "2030-01-31", "2030-01-31T12:00:00", "2030-01-31 12:00:00Z", "2030-01-31T12:00Z",
      "2030-02-30T00:00:00Z",
      "2030-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2030-13-01T00:00:00Z",
      "2030-00-10T00:00:00Z",
      "2030-01-00T00:00:00Z", "2030-01-32T00:00:00Z", "2030-01-31T24:00:00Z",
      "2030-01-31T12:60:00Z",
      "2030-01-31T12:00:60Z", "2030-01-31T12:00:00.Z", "2030-01-31T12:00:00,5Z",
      "2030-01-31T12:00:00Zx",
      "2030-01-31T12:00:00+0200", "2030-01-31T12:00:00+02", "2030-01-31T12:00:00+24:00",
      "2030-01-31T12:00:00+02:60",
      " 2030-01-31T12:00:00Z", "30-01-31T12:00:00Z", "20300-01-31T12:00:00Z",
      "+2030-01-31T12:00:00Z",
      "2030-1-31T12:00:00Z", "2030-01-31T1２:00:00Z", "2030/01/31T12:00:00Z", "now",
    ])
  func noTimes(text: String) throws {
    let json = "{\"price\":1,\"reason\":\"r\",\"expires_at\":\"\(text)\"}"
    #expect(try Self.overrideFaults(json) == ["expires_at format"])
  }

  static func list(_ query: [(name: String, value: String)]) throws -> MinerListRequest {
    try MinerListRequest(query)
  }

  @Test("a page of miners is asked for with everything or nothing")
  func minerList() throws {
    let plain = try Self.list([])
    #expect(plain.after == nil && plain.limit == 100 && plain.region == nil && plain.online == nil)
    #expect(plain.capability == nil && plain.minTrust == nil && plain.search == nil)
    let empty = try Self.list([("cursor", ""), ("limit", ""), ("online", ""), ("q", "")])
    #expect(empty == plain, "an empty value is as good as none")

    let full = try Self.list([
      ("cursor", "m-1"), ("limit", "1000"), ("region", "EU"), ("online", "false"),
      ("capability", "Fp16"), ("min_trust", "0.25"), ("q", "gpu"), ("other", "x"),
    ])
    #expect(full.after?.text == "m-1" && full.limit == 1_000 && full.region == "eu")
    #expect(full.online == false && full.capability == "Fp16" && full.minTrust == 0.25)
    #expect(full.search == "gpu")
    #expect(
      try Self.list([("q", "17")]).search == "17", "a text stays one though it looks like a number")
    #expect(try Self.list([("online", "true")]).online == true)
  }

  @Test(
    "one bad part of the query is named",
    arguments: [
      ("cursor", "a/b", "format"), ("limit", "0", "range"), ("limit", "1001", "range"),
      ("limit", "-1", "range"),
      ("limit", "ten", "type"), ("limit", "1.5", "type"), ("limit", "NaN", "type"),
      ("limit", "1e999", "type"),
      ("limit", "[1]", "type"), ("limit", "99999999999999999999", "range"),
      ("online", "yes", "type"), ("online", "TRUE", "type"),
      ("min_trust", "2", "range"), ("min_trust", "-0.1", "range"), ("min_trust", "high", "type"),
      ("region", String(repeating: "r", count: 129), "length"),
      ("capability", String(repeating: "c", count: 129), "length"),
      ("q", String(repeating: "q", count: 65), "length"), ("q", "a\0", "format"),
    ])
  func badQuery(name: String, value: String, code: String) throws {
    let problem = try #require(
      #expect(throws: Problem.self) { try MinerListRequest([(name: name, value: value)]) })
    #expect(problem.status == 422)
    #expect(problem.errors.map { "\($0.field) \($0.code)" } == ["\(name) \(code)"])
  }

  @Test("a body that is no JSON is 400, one that is no object 422")
  func bodies() throws {
    for text in ["", "{", "nul", "{\"a\":1,}", "{\"a\":NaN}", "\u{FEFF}{}", "{}x"] {
      let problem = try #require(
        #expect(throws: Problem.self) { try Body.object(Array(text.utf8)) })
      #expect(problem.code == .notJSON && problem.status == 400)
    }
    for text in ["[]", "1", "null", "\"{}\""] {
      let problem = try #require(
        #expect(throws: Problem.self) { try Body.object(Array(text.utf8)) })
      #expect(problem.status == 422)
      #expect(problem.errors.map(\.code) == ["type"])
    }
    #expect(try Body.object(Array("{\"a\":1}".utf8))["a"] == .number("1"))
  }
}
