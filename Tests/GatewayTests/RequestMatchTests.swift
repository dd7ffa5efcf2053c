import Domain
import GatewayAPI
import JSON
import Testing

@Suite("Match and feedback requests")
struct RequestMatchTests {
  static func read(_ json: String) throws -> MatchRequest {
    try MatchRequest(RequestReading.object(json))
  }

  static func body(_ more: String) -> String { "{\"job_id\":\"j\",\(more)}" }

  @Test("everything that a coordinator may ask is read")
  func full() throws {
    let request = try Self.read(
      #"""
      {"job_id":"job-1","requirements":{"task":"image_embedding","min_vram_gb":8,"min_ram_gb":16.5,
        "accel":["CUDA","cuda"],"tags_any":["EU","EU"],"tags_all":["ssd"],"capabilities_any":["a","b"],
        "capabilities_all":["c"],"service":"llm_inference","min_trust":0.2},
       "hints":{"region":"EU","max_price":"0.80000001","deadline_ms":5000},"top_k":3,
       "exclude":["miner-9","miner-8"],"explain":"full","later":1}
      """#)
    var query = MatchQuery(jobID: "job-1")
    query.task = "image_embedding"
    query.minVRAMGB = 8
    query.minRAMGB = 16.5
    query.accel = ["cuda"]
    query.tagsAny = ["EU"]
    query.tagsAll = ["ssd"]
    query.capabilitiesAny = ["a", "b"]
    query.capabilitiesAll = ["c"]
    query.service = "llm_inference"
    query.minTrust = 0.2
    query.region = "eu"
    query.maxPrice = Price(units: 80_000_001)
    query.topK = 3
    query.exclude = [MinerID("miner-9")!, MinerID("miner-8")!]
    query.explainsFully = true
    #expect(request.query == query)
    #expect(request.deadlineMilliseconds == 5_000)
  }

  @Test(
    "a job is enough",
    arguments: [
      #"{"job_id":"j"}"#,
      #"{"job_id":"j","requirements":null,"hints":null,"top_k":null,"explain":null}"#,
      #"{"job_id":"j","requirements":{},"hints":{"region":""},"exclude":[],"explain":"brief"}"#,
    ])
  func minimal(body: String) throws {
    let request = try Self.read(body)
    #expect(request.query == MatchQuery(jobID: "j"))
    #expect(request.query.topK == 1)
    #expect(request.deadlineMilliseconds == 1_000)
  }

  @Test("a price cap of 0 is a cap")
  func freeOnly() throws {
    #expect(try Self.read(Self.body(#""hints":{"max_price":0}"#)).query.maxPrice == .zero)
  }

  static let requirements: [BadField] = [
    BadField.text("task", path: "requirements.task", over: 128),
    BadField.number("min_vram_gb", path: "requirements.min_vram_gb", above: "1000001"),
    BadField.number("min_ram_gb", path: "requirements.min_ram_gb", above: "1000001"),
    BadField.names("accel", path: "requirements.accel"),
    BadField.names("tags_any", path: "requirements.tags_any"),
    BadField.names("tags_all", path: "requirements.tags_all"),
    BadField.names("capabilities_any", path: "requirements.capabilities_any"),
    BadField.names("capabilities_all", path: "requirements.capabilities_all"),
    BadField.text("service", path: "requirements.service", over: 128),
    BadField.number("min_trust", path: "requirements.min_trust", above: "1.01"),
    [BadField("service", "\"\"", "length", at: "requirements.service")],
  ].flatMap { $0 }

  @Test("one bad requirement is named with its path", arguments: requirements)
  func badRequirement(_ bad: BadField) throws {
    let body = Self.body("\"requirements\":{\"\(bad.field)\":\(bad.value)}")
    #expect(try RequestReading.faults(body) { _ = try MatchRequest($0) } == [bad.fault])
  }

  static let hints: [BadField] =
    BadField.text("region", path: "hints.region", over: 128)
    + BadField.price("max_price", path: "hints.max_price")
    + BadField.number("deadline_ms", path: "hints.deadline_ms", above: "60001")
    + [
      BadField("deadline_ms", "0", "range", at: "hints.deadline_ms"),
      BadField("deadline_ms", "0.5", "type", at: "hints.deadline_ms"),
    ]

  @Test("one bad hint is named with its path", arguments: hints)
  func badHint(_ bad: BadField) throws {
    let body = Self.body("\"hints\":{\"\(bad.field)\":\(bad.value)}")
    #expect(try RequestReading.faults(body) { _ = try MatchRequest($0) } == [bad.fault])
  }

  static let others: [BadField] =
    BadField.number("top_k", above: "51")
    + [
      BadField("top_k", "0", "range"), BadField("top_k", "1.5", "type"),
      BadField("explain", "\"all\"", "value"),
      BadField("explain", "true", "type"), BadField("requirements", "[]", "type"),
      BadField("requirements", "\"x\"", "type"),
      BadField("hints", "[]", "type"), BadField("hints", "1", "type"),
      BadField("exclude", "\"m\"", "type"),
      BadField("exclude", "[\"a\",1]", "type", at: "exclude[1]"),
      BadField("exclude", "[\"a\",\"b/c\"]", "format", at: "exclude[1]"),
      BadField("exclude", "[\(BadField.text(65))]", "length", at: "exclude[0]"),
      BadField("exclude", BadField.list(257), "length"),
    ]

  @Test("one bad field beside them is named", arguments: others)
  func badOther(_ bad: BadField) throws {
    let body = Self.body("\"\(bad.field)\":\(bad.value)")
    #expect(try RequestReading.faults(body) { _ = try MatchRequest($0) } == [bad.fault])
  }

  @Test(
    "a job's id has 1 to 64 bytes",
    arguments: [
      ("{}", "required"), (#"{"job_id":null}"#, "required"), (#"{"job_id":7}"#, "type"),
      (#"{"job_id":""}"#, "length"),
      ("{\"job_id\":\(BadField.text(65))}", "length"), (#"{"job_id":"a\u0000"}"#, "format"),
    ])
  func jobID(body: String, code: String) throws {
    #expect(try RequestReading.faults(body) { _ = try MatchRequest($0) } == ["job_id \(code)"])
    _ = try Self.read("{\"job_id\":\(BadField.text(64))}")
  }

  @Test("all faults are told at once, each under its path")
  func several() throws {
    let faults = try RequestReading.faults(
      #"{"requirements":{"accel":[1],"min_trust":2},"hints":{"max_price":-1},"top_k":99,"explain":1}"#
    ) { _ = try MatchRequest($0) }
    #expect(
      faults == [
        "job_id required", "requirements.accel[0] type", "requirements.min_trust range",
        "hints.max_price range", "top_k range", "explain type",
      ])
  }

  @Test("feedback is read")
  func feedback() throws {
    let object = try RequestReading.object(
      #"{"job_id":"j","miner_id":"m","outcome":"failed","latency_ms":12.5,"fail_code":"oom","#
        + #""tokens_spent":"0.25","offer":"pho1.k.x"}"#)
    let request = try FeedbackRequest(object, coordinator: "main", idempotencyKey: "key 1")
    let id = try #require(MinerID("m"))
    var report = FeedbackReport(coordinator: "main", jobID: "j", minerID: id, outcome: .failed)
    report.latencyMilliseconds = 12.5
    report.failCode = "oom"
    report.tokensSpent = 25_000_000
    report.idempotencyKey = "key 1"
    #expect(request.report == report)
    #expect(request.offer == "pho1.k.x")
  }

  @Test("job, miner and outcome are enough for feedback", arguments: Outcome.allCases)
  func leastFeedback(outcome: Outcome) throws {
    let object = try RequestReading.object(
      "{\"job_id\":\"j\",\"miner_id\":\"m\",\"outcome\":\"\(outcome.rawValue)\",\"latency_ms\":null}"
    )
    let request = try FeedbackRequest(object, coordinator: "c", idempotencyKey: nil)
    let report = request.report
    #expect(request.offer == nil)
    let id = try #require(MinerID("m"))
    #expect(report == FeedbackReport(coordinator: "c", jobID: "j", minerID: id, outcome: outcome))
  }

  static let badFeedback: [BadField] =
    BadField.number("latency_ms", above: "86400001") + BadField.text("fail_code", over: 128)
    + BadField.price("tokens_spent") + BadField.text("offer", over: 256)
    + [
      BadField("job_id", "7", "type"), BadField("job_id", "\"\"", "length"),
      BadField("miner_id", "\"a b\"", "format"),
      BadField("outcome", "\"won\"", "value"), BadField("outcome", "1", "type"),
      BadField("outcome", "null", "required"),
      BadField("miner_id", "null", "required"), BadField("job_id", "null", "required"),
    ]

  @Test("one bad field of feedback is named", arguments: badFeedback)
  func badFeedbackField(_ bad: BadField) throws {
    // Of two members with one name the later counts.
    let body =
      "{\"job_id\":\"j\",\"miner_id\":\"m\",\"outcome\":\"failed\",\"\(bad.field)\":\(bad.value)}"
    let faults = try RequestReading.faults(body) {
      _ = try FeedbackRequest($0, coordinator: "c", idempotencyKey: nil)
    }
    #expect(faults == [bad.fault])
  }

  @Test(
    "an idempotency key is 1 to 255 printable characters",
    arguments: [
      ("", false), ("a", true), (String(repeating: "k", count: 255), true), (" ~", true),
      (String(repeating: "k", count: 256), false), ("a\nb", false), ("é", false), ("\0", false),
      ("\u{7F}", false),
    ])
  func idempotencyKey(key: String, isSane: Bool) throws {
    let json = #"{"job_id":"j","miner_id":"m","outcome":"failed"}"#
    if isSane {
      let object = try RequestReading.object(json)
      let read = try FeedbackRequest(object, coordinator: "c", idempotencyKey: key)
      #expect(read.report.idempotencyKey == key)
    } else {
      let faults = try RequestReading.faults(json) {
        _ = try FeedbackRequest($0, coordinator: "c", idempotencyKey: key)
      }
      #expect(faults == ["Idempotency-Key format"])
    }
  }

  @Test("all faults of feedback are told at once")
  func severalInFeedback() throws {
    let faults = try RequestReading.faults(#"{"latency_ms":-1,"tokens_spent":"x"}"#) {
      _ = try FeedbackRequest($0, coordinator: "c", idempotencyKey: "")
    }
    #expect(
      faults == [
        "job_id required", "miner_id required", "outcome required", "latency_ms range",
        "tokens_spent format", "Idempotency-Key format",
      ])
  }
}
