import Domain
import GatewayAPI
import JSON
import Testing

@Suite("Updates and heartbeats")
struct RequestStatusTests {
  static func heartbeat(_ json: String) throws -> Heartbeat {
    try Heartbeat(RequestReading.object(json))
  }

  static func update(_ json: String) throws -> UpdateRequest {
    try UpdateRequest(RequestReading.object(json))
  }

  @Test("a heartbeat in today's shape is read")
  func today() throws {
    let beat = try Self.heartbeat(
      #"{"ts":"2030-01-01T00:00:00Z","seq":7,"queue_len":3,"busy":true,"current_jobs":["a","b"],"#
        + #""avg_latency_ms":80.5,"temp_c":61.5,"mem_free_gb":12.25,"tags":["ignored"],"status":"draining"}"#
    )
    var status = StatusReport()
    status.queueLength = 3
    status.busy = true
    status.state = .draining
    status.avgLatencyMilliseconds = 80.5
    status.temperatureCelsius = 61.5
    status.memFreeGB = 12.25
    #expect(beat.sequence == 7)
    #expect(beat.status == status)
  }

  @Test("a heartbeat needs its queue's length only; not busy then, and all else as it was")
  func least() throws {
    var status = StatusReport()
    status.queueLength = 0
    status.busy = false
    let beat = try Self.heartbeat(#"{"queue_len":0}"#)
    #expect(beat.status == status)
    #expect(beat.sequence == nil)
  }

  @Test("a heartbeat in the older shape is read")
  func older() throws {
    let beat = try Self.heartbeat(
      #"{"status":"active","current_jobs":2,"gpu_utilization":55.5,"memory_used":1024,"#
        + #""memory_total":24576,"network_latency_ms":42}"#)
    var status = StatusReport()
    status.queueLength = 2
    status.busy = false
    status.state = .active
    status.gpuUtilization = 55.5
    status.avgLatencyMilliseconds = 42
    // 23,552 MiB.
    status.memFreeGB = 24.696061952
    #expect(beat.status == status)
  }

  @Test(
    "the length of the queue comes from either field",
    arguments: [
      (#"{"queue_len":5,"current_jobs":["a"]}"#, 5), (#"{"current_jobs":["a","b"]}"#, 2),
      (#"{"current_jobs":[]}"#, 0), (#"{"current_jobs":9}"#, 9),
      (#"{"queue_len":null,"current_jobs":4}"#, 4),
      (#"{"queue_len":1e3}"#, 1_000), (#"{"queue_len":1000000000}"#, 1_000_000_000),
      (#"{"status":"busy"}"#, nil),
    ] as [(String, UInt32?)])
  func queue(body: String, length: UInt32?) throws {
    #expect(try Self.heartbeat(body).status.queueLength == length)
    #expect(try Self.update(body).status.queueLength == length)
  }

  static let badMeasurements: [BadField] =
    BadField.number("queue_len", above: "1000000001")
    + BadField.number("avg_latency_ms", above: "86400001")
    + BadField.number("network_latency_ms", above: "86400001")
    + BadField.number("temp_c", above: "1001")
    + BadField.number("mem_free_gb", above: "1000001")
    + [
      BadField("queue_len", "1.5", "type"), BadField("queue_len", "-1", "range"),
      BadField("busy", "1", "type"), BadField("busy", "\"yes\"", "type"),
      BadField("status", "\"idle\"", "value"),
      BadField("status", "\"Active\"", "value"), BadField("status", "1", "type"),
      BadField("current_jobs", "\"a\"", "type"), BadField("current_jobs", "-1", "range"),
      BadField("current_jobs", "1.5", "type"),
      BadField("current_jobs", "[1]", "type", at: "current_jobs[0]"),
      BadField("current_jobs", "[\"\"]", "length", at: "current_jobs[0]"),
      BadField("current_jobs", "[\(BadField.text(65))]", "length", at: "current_jobs[0]"),
      BadField("current_jobs", BadField.list(257), "length"),
    ]

  @Test("one bad field is named, in a heartbeat and in an update", arguments: badMeasurements)
  func badMeasurement(_ bad: BadField) throws {
    let alone = "{\"\(bad.field)\":\(bad.value)}"
    #expect(try RequestReading.faults(alone) { _ = try UpdateRequest($0) } == [bad.fault])
    let body =
      bad.field == "queue_len" ? alone : "{\"queue_len\":1,\"\(bad.field)\":\(bad.value)}"
    #expect(try RequestReading.faults(body) { _ = try Heartbeat($0) } == [bad.fault])
  }

  static let badHeartbeatFields: [BadField] =
    BadField.number("gpu_utilization", above: "100.1")
    + BadField.number("memory_used", above: "1000000001")
    + BadField.number("memory_total", above: "1000000001")
    + [
      BadField("seq", "-1", "range"), BadField("seq", "\"1\"", "type"),
      BadField("seq", "1.5", "type"),
      BadField("seq", "1e30", "range"), BadField("ts", "true", "type"),
      BadField("ts", "[]", "type"), BadField("ts", "{}", "type"),
    ]

  @Test("one bad field of a heartbeat is named", arguments: badHeartbeatFields)
  func badHeartbeatField(_ bad: BadField) throws {
    let body = "{\"queue_len\":1,\"\(bad.field)\":\(bad.value)}"
    #expect(try RequestReading.faults(body) { _ = try Heartbeat($0) } == [bad.fault])
  }

  @Test(
    "a heartbeat that says nothing of its load is refused",
    arguments: [
      "{}", #"{"seq":1}"#, #"{"busy":true}"#, #"{"queue_len":null}"#, #"{"gpu_utilization":5}"#,
    ])
  func sayNothing(body: String) throws {
    #expect(try RequestReading.faults(body) { _ = try Heartbeat($0) } == ["queue_len required"])
  }

  @Test("more memory used than there is, is refused")
  func memory() throws {
    let faults = try RequestReading.faults(
      #"{"queue_len":1,"memory_used":2,"memory_total":1}"#
    ) { _ = try Heartbeat($0) }
    #expect(faults == ["memory_used range"])
    #expect(try Self.heartbeat(#"{"queue_len":1,"memory_used":2}"#).status.memFreeGB == nil)
    let told = #"{"queue_len":1,"mem_free_gb":3,"memory_used":1,"memory_total":2}"#
    #expect(try Self.heartbeat(told).status.memFreeGB == 3)
  }

  @Test("several faults of a heartbeat are told at once")
  func several() throws {
    let faults = try RequestReading.faults(
      #"{"seq":-1,"ts":false,"avg_latency_ms":"x","current_jobs":[1,""],"busy":0}"#
    ) { _ = try Heartbeat($0) }
    #expect(
      faults == [
        "seq range", "ts type", "avg_latency_ms type", "current_jobs[0] type",
        "current_jobs[1] length", "busy type",
      ])
  }

  @Test("an update is read: live fields and parts of the profile")
  func fullUpdate() throws {
    let update = try Self.update(
      #"{"session_token":"t","queue_len":1,"busy":true,"status":"maintenance","temp_c":-5,"#
        + #""price_token_per_ksec":"0.3","tags":{"a":1},"capabilities":["x"],"max_parallel":2,"region":"ignored"}"#
    )
    var status = StatusReport()
    status.queueLength = 1
    status.busy = true
    status.state = .maintenance
    status.temperatureCelsius = -5
    var profile = ProfilePatch()
    profile.price = Price(units: 30_000_000)
    profile.tags = ["a:1"]
    profile.capabilities = ["x"]
    profile.maxParallel = 2
    #expect(update.status == status)
    #expect(update.profile == profile)
  }

  @Test("an update that names neither takes back busy and status, and keeps all else")
  func emptyUpdate() throws {
    var status = StatusReport()
    status.busy = false
    status.state = .active
    #expect(try Self.update("{}").status == status)
    #expect(try Self.update("{}").profile.isEmpty)
    #expect(try Self.update(#"{"base_price":1}"#).profile.price?.units == 100_000_000)
  }

  @Test(
    "one bad profile field of an update is named",
    arguments:
      BadField.price("price_token_per_ksec") + BadField.names("tags")
      + BadField.names("capabilities")
      + BadField.number("max_parallel", above: "65537"))
  func badProfileField(_ bad: BadField) throws {
    let body = "{\"\(bad.field)\":\(bad.value)}"
    #expect(try RequestReading.faults(body) { _ = try UpdateRequest($0) } == [bad.fault])
  }

  @Test("a report becomes a patch with its moment and lease")
  func patch() throws {
    let moment = Timestamp(milliseconds: 5)
    let patch = try Self.heartbeat(#"{"queue_len":2,"temp_c":61.5}"#).status
      .patch(at: moment, leaseMilliseconds: 60_000)
    var expected = StatusPatch(at: moment, leaseMilliseconds: 60_000)
    expected.queueLength = 2
    expected.busy = false
    expected.temperatureCelsius = 61.5
    #expect(patch == expected)
  }
}
