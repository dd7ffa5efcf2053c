import Domain
import GatewayAPI
import JSON
import MatchText
import ScorerClient
import Testing
import Wire

@Suite("Answers, byte for byte")
struct ResponseTests {
  static let now = Timestamp(milliseconds: 1_700_000_000_000)
  static let miner = MinerID("miner-1")!

  static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  static let candidate = Candidate(
    minerID: miner, addr: "10.1.2.3:9000", proto: .https, region: "eu", score: 0.875,
    parts: ScoreParts(cap: 1, price: 0.82, latency: 0.9, trust: 0.7, load: 1),
    price: Price(units: 14_400_001), trust: 0.7, etaMilliseconds: 240)

  @Test("a match's answer is the contract's")
  func match() {
    var unknown = Self.candidate
    unknown.addr = "a\"b"
    unknown.etaMilliseconds = nil
    unknown.price = .zero
    let response = MatchResponse(
      jobID: "job-1", matchID: "m-7",
      answer: MatchAnswer(candidates: [Self.candidate, unknown], counts: nil).written())
    let explain = "cap=1.00 • price=0.82 • latency=0.90 • trust=0.70 • load=1.00"
    let breakdown =
      #""breakdown":{"cap":1,"price":0.82,"latency":0.9,"trust":0.7,"load":1}"#
    #expect(
      Self.text(response.body())
        == #"{"job_id":"job-1","match_id":"m-7","candidates":["#
        + #"{"miner_id":"miner-1","addr":"10.1.2.3:9000","proto":"https","region":"eu","score":0.875,"#
        + #""eta_ms":240,"price":0.14400001,"trust":0.7,"explain":"\#(explain)",\#(breakdown)},"#
        + #"{"miner_id":"miner-1","addr":"a\"b","proto":"https","region":"eu","score":0.875,"#
        + #""eta_ms":null,"price":0,"trust":0.7,"explain":"\#(explain)",\#(breakdown)}],"#
        + #""explain":"\#(explain)"}"#)
  }

  @Test("offers stand with their candidates")
  func offers() {
    let answer = MatchAnswer(candidates: [Self.candidate, Self.candidate], counts: nil).written()
    let body = Self.text(
      MatchResponse(jobID: "j", matchID: "m", answer: answer, offers: Array("onetwo".utf8)).body())
    let plain = Self.text(MatchResponse(jobID: "j", matchID: "m", answer: answer).body())
    #expect(body.contains(#""load":1},"offer":"one"},{"miner_id""#))
    #expect(body.contains(#""load":1},"offer":"two"}],"explain""#))
    let without = body.replacing(#","offer":"one""#, with: "").replacing(
      #","offer":"two""#, with: "")
    #expect(without == plain)
  }

  @Test("no candidate is an empty list with the reasons that there are")
  func noCandidate() {
    let counts = MatchCounts(
      eligible: 0, considered: 10_000, rejected: [12, 0, 0, 3_100, 0, 0, 0, 0, 87, 0, 6_801])
    let response = MatchResponse(
      jobID: "j", matchID: "m", answer: MatchAnswer(candidates: [], counts: counts).written())
    #expect(
      Self.text(response.body())
        == #"{"job_id":"j","match_id":"m","candidates":[],"explain":"no candidate","eligible":0,"#
        + #""considered":10000,"rejected":{"offline":12,"vram":3100,"price":87,"full":6801}}"#)
  }

  @Test("an answer reads the same whether its scorer has written it or left that to the gateway")
  func olderScorer() throws {
    let counts = MatchCounts(
      eligible: 2, considered: 3, rejected: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    let answer = MatchAnswer(candidates: [Self.candidate, Self.candidate], counts: counts)
    let written = try [Message.matchReply(answer), .writtenMatchReply(answer.written())].map {
      try MatchReply.from(
        .success(DispatchReply(message: $0, streamID: .zero, scorerID: "s"))
      ).get().answer
    }
    #expect(written[0] == written[1])
    #expect(written[0].candidates.map(\.minerIDByteCount) == [7, 7])
    #expect(written[0].counts == counts)
  }

  @Test("any name and place of a miner is a text of JSON, with its id where offers look for it")
  func anyTexts() throws {
    let longest = String(repeating: "\"", count: 256)
    for text in ["", "a\"b\\c", "größe\u{1}\n\t", "😀e\u{301}", longest] {
      for id in ["m", "A.b_c:d-9", String(repeating: "x", count: 64)] {
        var candidate = Self.candidate
        candidate.minerID = MinerID(id)!
        candidate.addr = text
        candidate.region = text
        let answer = MatchAnswer(candidates: [candidate, Self.candidate], counts: nil).written()
        let start = WrittenAnswer.minerIDOffset
        let size = answer.candidates[0].minerIDByteCount
        #expect(Self.text(Array(answer.text[start..<start + size])) == id)
        let body = MatchResponse(jobID: "j", matchID: "m", answer: answer).body()
        let first = try JSONValue.parse(body)["candidates"]?.array?.first
        #expect(first?["miner_id"]?.string == id)
        #expect(first?["addr"]?.string == text)
        #expect(first?["region"]?.string == text)
      }
    }
  }

  @Test("a price has the digits of its description", arguments: 0..<100 as Range<UInt64>)
  func prices(seed: UInt64) {
    var random = RequestRandom(seed: seed)
    var candidate = Self.candidate
    for _ in 0..<50 {
      let limit = Int64.random(in: 1...Limits.priceUnits.upperBound, using: &random)
      candidate.price = Price(units: .random(in: 0...limit, using: &random) / 100 * 100)
      let text = Self.text(Array(MatchAnswer(candidates: [candidate], counts: nil).written().text))
      #expect(text.contains(#","price":\#(candidate.price.description),"trust":"#))
    }
  }

  @Test("a part that isn't the miner's trust has its own digits")
  func trusts() throws {
    var candidate = Self.candidate
    (candidate.trust, candidate.parts.trust) = (1.0 / 3, 2.0 / 3)
    let answer = MatchAnswer(candidates: [candidate], counts: nil).written()
    let body = MatchResponse(jobID: "j", matchID: "m", answer: answer).body()
    let first = try #require(try JSONValue.parse(body)["candidates"]?.array?.first)
    #expect(first["trust"]?.double == 1.0 / 3)
    #expect(first["breakdown"]?["trust"]?.double == 2.0 / 3)
  }

  @Test(
    "parts are told to two places, rounded",
    arguments: [
      (0, "0.00"), (1, "1.00"), (0.5, "0.50"), (0.004, "0.00"), (0.005, "0.01"), (0.095, "0.10"),
      (0.994, "0.99"), (0.995, "1.00"), (0.07, "0.07"), (1.0 / 3, "0.33"), (-0.0, "0.00"),
    ] as [(Double, String)])
  func explain(part: Double, text: String) {
    let parts = ScoreParts(cap: part, price: part, latency: part, trust: part, load: part)
    #expect(
      parts.explanation
        == "cap=\(text) • price=\(text) • latency=\(text) • trust=\(text) • load=\(text)")
  }

  static var record: MinerRecord {
    var profile = MinerProfile()
    profile.addr = "10.1.2.3:9000"
    profile.proto = .grpc
    profile.region = "eu"
    profile.gpuName = "RTX 4090"
    profile.gpuCount = 2
    profile.gpuVRAMGB = 24
    profile.ramGB = 127.5
    profile.cpuCores = 32
    profile.maxParallel = 4
    profile.price = Price(units: 25_000_000)
    profile.accel = ["cuda"]
    profile.tags = ["ssd", "größe:xl"]
    profile.capabilities = ["fp16"]
    profile.walletAddress = "0xabc"
    profile.chainID = "137"
    return MinerRecord(
      id: miner, version: 1, profile: profile,
      services: [
        EnabledService(type: "whisper", price: nil, maxConcurrent: 1, capabilities: [])
      ])
  }

  static func status(_ status: MinerStatus, at moment: Timestamp = now) -> String {
    var json = JSONWriter()
    status.write(to: &json, at: moment)
    return text(json.bytes)
  }

  static let profileText =
    #"{"miner_id":"miner-1","addr":"10.1.2.3:9000","proto":"grpc","region":"eu","gpu_name":"RTX 4090","#
    + #""gpu_count":2,"gpu_vram_gb":24,"ram_gb":127.5,"cpu_cores":32,"accel":["cuda"],"capabilities":["fp16"],"#
    + #""tags":["ssd","größe:xl"],"max_parallel":4,"price_token_per_ksec":0.25,"wallet_address":"0xabc","#
    + #""chain_id":"137","#

  @Test("a miner's status is all that the hub holds of it")
  func minerStatus() {
    var live = StatusPatch(at: Self.now.advanced(byMilliseconds: -1_943), leaseMilliseconds: 60_000)
    live.queueLength = 3
    live.busy = true
    live.state = .draining
    live.avgLatencyMilliseconds = 80.1
    live.temperatureCelsius = 61.3
    live.memFreeGB = 12.1
    live.gpuUtilization = 97.7
    let status = MinerStatus(
      record: Self.record, trust: MinerTrust(score: 0.625, good: 3, bad: 1, version: 7), live: live,
      createdAt: Timestamp(milliseconds: 1_600_000_000_999))
    #expect(
      Self.status(status)
        == Self.profileText
        + #""online":true,"last_seen_at":"2023-11-14T22:13:18.057Z","lease_expires_at":"2023-11-14T22:14:18.057Z","#
        + #""status":"draining","busy":true,"queue_len":3,"avg_latency_ms":80.1,"temp_c":61.3,"mem_free_gb":12.1,"#
        + #""gpu_utilization":97.7,"trust_score":0.625,"trust_evidence":{"good":3,"bad":1},"services":["whisper"],"#
        + #""created_at":"2020-09-13T12:26:40.999Z"}"#)
  }

  @Test("of a miner that nobody has heard of lately the live part is empty")
  func silentMiner() {
    let status = MinerStatus(
      record: MinerRecord(id: Self.miner, version: 1, profile: MinerProfile()), trust: .none,
      live: nil, createdAt: .distantPast)
    #expect(
      Self.status(status)
        == #"{"miner_id":"miner-1","addr":"","proto":"http","region":"","gpu_name":"","gpu_count":0,"#
        + #""gpu_vram_gb":0,"ram_gb":0,"cpu_cores":0,"accel":[],"capabilities":[],"tags":[],"max_parallel":1,"#
        + #""price_token_per_ksec":0,"wallet_address":null,"chain_id":null,"online":false,"last_seen_at":null,"#
        + #""lease_expires_at":null,"status":"active","busy":false,"queue_len":0,"avg_latency_ms":null,"#
        + #""temp_c":null,"mem_free_gb":null,"gpu_utilization":null,"trust_score":0.5,"#
        + #""trust_evidence":{"good":0,"bad":0},"services":[],"created_at":"1970-01-01T00:00:00.000Z"}"#
    )
  }

  @Test("a price override is told while it is in force")
  func overriddenPrice() {
    let end = Self.now.advanced(byMilliseconds: 1_000)
    var record = Self.record
    record.priceOverride = PriceOverride(
      price: Price(units: 10_000_000), reason: "trial", expiresAt: end)
    let status = MinerStatus(record: record, trust: .none, live: nil, createdAt: Self.now)
    let told =
      #""price_override":{"price":0.1,"reason":"trial","expires_at":"2023-11-14T22:13:21.000Z"},"online""#
    #expect(Self.status(status).contains(told))
    #expect(!Self.status(status, at: end).contains("price_override"))
  }

  @Test("a miner is online until its lease ends")
  func online() {
    let live = StatusPatch(at: Self.now, leaseMilliseconds: 1_000)
    let status = MinerStatus(record: Self.record, trust: .none, live: live, createdAt: Self.now)
    #expect(status.isOnline(at: Self.now.advanced(byMilliseconds: 999)))
    #expect(!status.isOnline(at: Self.now.advanced(byMilliseconds: 1_000)))
  }

  @Test("the short answers are the contract's")
  func shortAnswers() {
    #expect(
      Self.text(
        MinerAnswer.registered(
          id: Self.miner, created: true, token: "pht1.a", sessionSeconds: 3_600, leaseSeconds: 60,
          nextSeconds: 20))
        == #"{"success":true,"status":"registered","miner_id":"miner-1","created":true,"#
        + #""session_token":"pht1.a","session_ttl_sec":3600,"lease_ttl_sec":60,"next_heartbeat_sec":20,"#
        + #""heartbeat_path":"/v1/miners/heartbeat"}"#)
    #expect(
      Self.text(MinerAnswer.updated(leaseSeconds: 60, nextSeconds: 20.5))
        == #"{"status":"updated","lease_ttl_sec":60,"next_heartbeat_sec":20.5}"#)
    #expect(
      Self.text(MinerAnswer.loggedOut(id: Self.miner))
        == #"{"success":true,"status":"logged_out","miner_id":"miner-1"}"#)
    let override = PriceOverride(price: Price(units: 1), reason: "r", expiresAt: nil)
    #expect(
      Self.text(MinerAnswer.priceOverride(id: Self.miner, override))
        == #"{"miner_id":"miner-1","price":0.00000001,"reason":"r","expires_at":null}"#)
    #expect(
      Self.text(MinerAnswer.priceOverride(id: Self.miner, nil))
        == #"{"miner_id":"miner-1","message":"the price override is gone"}"#)
    #expect(
      Self.text(MinerAnswer.list([], nextCursor: nil, at: Self.now))
        == #"{"miners":[],"next_cursor":null}"#)
  }

  @Test("a page of miners holds their statuses and where it goes on")
  func page() {
    let status = MinerStatus(record: Self.record, trust: .none, live: nil, createdAt: Self.now)
    let one = Self.status(status)
    #expect(
      Self.text(MinerAnswer.list([status, status], nextCursor: Self.miner, at: Self.now))
        == "{\"miners\":[\(one),\(one)],\"next_cursor\":\"miner-1\"}")
  }

  @Test("feedback's answer is the contract's")
  func feedback() {
    let receipt = FeedbackReceipt(
      minerID: Self.miner, isDuplicate: true, trustScore: 0.6, previousTrustScore: 0.5,
      evidence: 0.25)
    #expect(
      Self.text(MinerAnswer.feedback(receipt))
        == #"{"status":"recorded","duplicate":true,"miner_id":"miner-1","trust_score":0.6,"#
        + #""previous_trust_score":0.5,"evidence":0.25}"#)
  }

  @Test("what a gateway says over a WebSocket is the contract's")
  func frames() {
    #expect(
      Self.text(HeartbeatFrame.ack(sequence: 7, nextSeconds: 20))
        == #"{"type":"ack","seq":7,"next_heartbeat_sec":20}"#)
    #expect(
      Self.text(HeartbeatFrame.ack(sequence: nil, nextSeconds: 20))
        == #"{"type":"ack","seq":null,"next_heartbeat_sec":20}"#)
    #expect(
      Self.text(HeartbeatFrame.goingAway(retryAfterMilliseconds: 750))
        == #"{"type":"going_away","retry_after_ms":750}"#)
    #expect(
      Self.text(HeartbeatFrame.error(Problem(.notJSON, "the body is not JSON")))
        == #"{"type":"error","title":"Bad Request","status":400,"detail":"the body is not JSON","#
        + #""code":"not_json"}"#)
  }

  @Test(
    "every moment is told to its millisecond, and read back",
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (1, "1970-01-01T00:00:00.001Z"),
      (-1, "1969-12-31T23:59:59.999Z"),
      (1_700_000_000_057, "2023-11-14T22:13:20.057Z"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z"),
      (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
      (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
      (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"), (.max, "9999-12-31T23:59:59.999Z"),
      (.min, "0000-01-01T00:00:00.000Z"),
    ] as [(Int64, String)])
  func moments(milliseconds: Int64, text: String) {
    #expect(Timestamp(milliseconds: milliseconds).rfc3339 == text)
  }

  @Test("any moment is read back from what it says", arguments: 0..<4)
  func momentsRoundTrip(seed: UInt64) {
    var random = RequestRandom(seed: seed)
    for _ in 0..<2_000 {
      let moment = Timestamp(
        milliseconds: .random(in: -62_167_219_200_000...253_402_300_799_999, using: &random))
      #expect(Timestamp(rfc3339: moment.rfc3339) == moment)
    }
  }
}
