import IndexBenchmark
import JSON
import PathBenchmark
import Postgres
import Simulation

/// Reports at a fixed rate, each on another job.
struct FeedbackBenchmark {
  /// What a coordinator may add in a day is bounded, so there are several.
  private static let coordinators = 32
  /// A round in which less of the rate than this was reached is one that the hub couldn't keep up with.
  private static let leastShare = 0.97
  private static let loweredShare = 0.8
  /// Nanoseconds. A sender that wakes for each of 20,000 a second takes a quarter of a core from what it measures, and
  /// has the gateway wake as often.
  private static let tick: Int64 = 1_000_000

  let miners: Int
  let rate: Double
  let seconds: Double
  let rounds: Int
  let connections: Int
  let pipelined: Int
  let seed: UInt64
  let say: @Sendable (String) -> Void

  func measure(folder: String) async throws -> FeedbackResult {
    let names = (0..<Self.coordinators).map { "bench-\($0)" }
    let secrets = names.map { "\($0):secret-of-\($0)-for-one-benchmark-alone" }
    let hub = try await BenchHub.start(
      folder: folder + "/hub", miners: StoredMiners(count: miners, seed: seed), cores: nil,
      settings: ["POOLHUB_COORDINATOR_SECRETS=" + secrets.joined(separator: ",")], say: say)
    do {
      var result = FeedbackResult(
        miners: miners, connections: connections, pipelined: pipelined, rate: rate)
      try await measure(
        hub, secrets.map { String($0.split(separator: ":")[1]) }, floor: folder + "/log", &result)
      try Self.read(&result, dsn: hub.state.databaseDSN)
      await hub.stop()
      return result
    } catch {
      await hub.stop()
      throw error
    }
  }

  private func measure(
    _ hub: BenchHub, _ secrets: [String], floor: String, _ result: inout FeedbackResult
  ) async throws {
    var job = 0
    func round(seconds: Double) async throws -> OpenLoop.Result {
      let count = Int(result.rate * seconds)
      let requests = (job..<job + count).map { self.request($0, secrets) }
      job += count
      let outcome = try await OpenLoop.run(
        port: hub.gatewayPort, connections: connections, pipelined: pipelined, requests: requests,
        perSecond: result.rate, seconds: seconds, tick: Self.tick)
      result.take(outcome)
      return outcome
    }
    say("warming up")
    // The first reports on a miner make its rows, which costs more than the later ones do.
    let warm = try await round(seconds: max(2, Double(miners) / rate))
    if warm.perSecond < Self.leastShare * result.rate {
      result.rate = (Self.loweredShare * warm.perSecond).rounded()
    }
    for number in 1...rounds {
      say("round \(number) of \(rounds), \(Format.count(Int(result.rate))) reports/s")
      let outcome = try await round(seconds: seconds)
      result.perSecond.append(outcome.perSecond)
      result.p50Milliseconds.append(outcome.p50Milliseconds)
      result.p99Milliseconds.append(outcome.p99Milliseconds)
      let log = try await SyncedLog.run(path: floor, perSecond: result.rate, seconds: seconds)
      result.floorP50Milliseconds.append(log.p50Milliseconds)
      result.floorP99Milliseconds.append(log.p99Milliseconds)
    }
  }

  private func request(_ job: Int, _ secrets: [String]) -> [UInt8] {
    let miner = MinerPopulation.id(job % miners).text
    let outcome = job % 8 == 0 ? "failed" : "completed"
    let body = """
      {"job_id":"job-\(job)","miner_id":"\(miner)","outcome":"\(outcome)","latency_ms":\(100 + job % 900),\
      "tokens_spent":\(job % 4_096)}
      """
    return HTTPRequestText.post(
      "/v1/feedback", bearer: secrets[job % secrets.count], body: Array(body.utf8))
  }

  private static func read(_ result: inout FeedbackResult, dsn: String) throws {
    var connection = try PostgresConnection.open(dsn: dsn)
    let answer = try connection.execute(
      """
      SELECT current_setting('fsync'), current_setting('synchronous_commit'), count(*),
        count(DISTINCT miner_id)
      FROM poolhub.feedback
      """)
    for row in answer.rows {
      result.fsync = try row.text(0)
      result.synchronousCommit = try row.text(1)
      result.stored = Int(try row.int(2))
      result.storedMiners = Int(try row.int(3))
    }
  }
}

struct FeedbackResult {
  let miners: Int
  let connections: Int
  let pipelined: Int
  /// Reports a second that were asked for in the rounds.
  var rate: Double
  var perSecond: [Double] = []
  var p50Milliseconds: [Double] = []
  var p99Milliseconds: [Double] = []
  /// The same with the disk alone.
  var floorP50Milliseconds: [Double] = []
  var floorP99Milliseconds: [Double] = []
  private(set) var answered = 0
  private(set) var refused = 0
  private(set) var lost = 0
  var stored = 0
  var storedMiners = 0
  var fsync = ""
  var synchronousCommit = ""

  init(miners: Int, connections: Int, pipelined: Int, rate: Double) {
    self.miners = miners
    self.connections = connections
    self.pipelined = pipelined
    self.rate = rate
  }

  mutating func take(_ outcome: OpenLoop.Result) {
    answered += outcome.answered
    refused += outcome.refused
    lost += outcome.lost
  }

  /// What must not be; nil: nothing.
  var fault: String? {
    if stored < answered { return "\(answered - stored) answered reports are not in PostgreSQL" }
    if refused > 0 { return "\(refused) reports were refused" }
    return nil
  }

  var text: String {
    let rate = Spread(perSecond)
    func milliseconds(_ values: [Double]) -> String {
      let spread = Spread(values)
      return """
        \(Format.decimal(spread.median, places: 1)) ms (\(Format.decimal(spread.least, places: 1))–\
        \(Format.decimal(spread.most, places: 1)))
        """
    }
    return """
      \(Format.count(Int(rate.median))) reports/s (\(Format.count(Int(rate.least)))–\
      \(Format.count(Int(rate.most)))), p50 \(milliseconds(p50Milliseconds)), \
      p99 \(milliseconds(p99Milliseconds))
      the disk alone: p50 \(milliseconds(floorP50Milliseconds)), p99 \(milliseconds(floorP99Milliseconds))
      \(Format.count(answered)) answered, \(Format.count(refused)) refused, \(Format.count(lost)) not answered; \
      \(Format.count(stored)) stored, on \(Format.count(storedMiners)) miners
      fsync \(fsync), synchronous_commit \(synchronousCommit)
      """
  }

  var json: String {
    var json = JSONWriter()
    json.object { json in
      json.field("miners", miners)
      json.field("connections", connections)
      json.field("pipelined", pipelined)
      json.field(named: "per_s") { Spread(perSecond).write(to: &$0) }
      json.field(named: "p50_ms") { Spread(p50Milliseconds).write(to: &$0) }
      json.field(named: "p99_ms") { Spread(p99Milliseconds).write(to: &$0) }
      json.objectField("floor") { json in
        json.field(named: "p50_ms") { Spread(floorP50Milliseconds).write(to: &$0) }
        json.field(named: "p99_ms") { Spread(floorP99Milliseconds).write(to: &$0) }
      }
      json.field("answered", answered)
      json.field("refused", refused)
      json.field("lost", lost)
      json.field("stored", stored)
      json.field("stored_miners", storedMiners)
      json.field("fsync", fsync)
      json.field("synchronous_commit", synchronousCommit)
    }
    return String(decoding: json.bytes, as: UTF8.self)
  }
}
