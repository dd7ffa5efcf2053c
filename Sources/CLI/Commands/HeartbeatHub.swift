import Chaos
import Domain
import Fleet
import FoundationEssentials
import GatewayPolicy
import Glibc
import HeartbeatBenchmark
import JSON
import Postgres
import Simulation

/// The hub that heartbeats are measured against. Its miners are in the database before anything starts.
final class HeartbeatHub: Sendable {
  private static let sessionSeconds = 86_400
  private static let rowsPerStatement = 5_000

  /// A session token for each miner.
  let tokens: [String]
  private let hub: DevHub
  private let client: HubClientBox
  private let gateways: Int
  private let scorers: Int
  /// Asks each scorer what it holds.
  private let inspector: Inspector
  private let inspection: Task<Void, any Error>

  /// - Parameter paced: whether miners may connect only as fast as a hub lets them in the ordinary course.
  init(
    folder: String, gateways: Int, scorers: Int, miners: Int, paced: Bool,
    settings: [DevOptions.Setting]
  ) {
    self.gateways = gateways
    self.scorers = scorers
    let inspector = Inspector(endpoint: "ipc://\(folder)-inspector.sock")
    self.inspector = inspector
    inspection = Task { try await inspector.run() }
    var options = DevOptions(directory: folder)
    options.port = 0
    options.gateways = gateways
    options.scorers = scorers
    options.otherGateways = [inspector.endpoint]
    let signingKey = Data((0..<32).map { _ in UInt8.random(in: .min ... .max) })
    // Nobody's lease ends while all of them connect, none is told to slow down, and no answer is audited.
    options.settings =
      [
        "POOLHUB_LEASE_TTL_SEC=3600", "POOLHUB_HEARTBEATS_PER_SEC=10000000",
        "POOLHUB_WEBSOCKET_FRAMES_PER_SEC=10000", "POOLHUB_LOG_LEVEL=warning",
        "POOLHUB_AUDIT_SHARE=0", "POOLHUB_SESSION_TTL_SEC=\(Self.sessionSeconds)",
        "POOLHUB_SESSION_SIGNING_KEYS=bench:\(signingKey.base64EncodedString())",
      ].compactMap { DevOptions.Setting($0) }
    if !paced, let unbounded = DevOptions.Setting("POOLHUB_WEBSOCKET_OPENS_PER_SEC=1000000") {
      options.settings.append(unbounded)
    }
    options.settings += settings
    let signer = SessionTokens(
      keys: [("bench", Array(signingKey))], lifetimeSeconds: Self.sessionSeconds)
    let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
    tokens = (0..<miners).map { signer.issue(for: BenchMiner(index: $0).id, at: now) }
    var hooks = DevHub.Hooks.standard { Console.error($0) }
    let migrate = hooks.migrate
    hooks.migrate = { dsn in
      try await migrate(dsn)
      try await Self.insert(miners, at: now, dsn: dsn)
    }
    hub = DevHub(options: options, hooks: hooks)
    client = HubClientBox()
  }

  func start(_ say: (String) -> Void) async throws -> [HeartbeatServer] {
    say("starting a hub with \(Format.count(tokens.count)) miners")
    let state = try await hub.start()
    client.set(
      state.gateways.map {
        HubClient(url: $0, coordinatorSecret: state.coordinatorSecret)
      })
    return try state.gateways.enumerated().map { index, url in
      let name = "gateway-\(index + 1)"
      guard let port = url.split(separator: ":").last.flatMap({ Int($0) }),
        let process = state.processes.first(where: { $0.name == name })
      else { throw CommandError("\(name) is not running") }
      return HeartbeatServer(port: port, pid: process.pid)
    }
  }

  func stop() async {
    await hub.stop()
    inspector.stop()
    _ = await inspection.result
  }

  /// One a gateway, in their order.
  var clients: [HubClient] { client.all }

  /// The process that this gateway is at the moment.
  func gatewayPID(_ index: Int) async -> pid_t? {
    await hub.processes.first { $0.name == "gateway-\(index + 1)" }?.pid
  }

  func scorerPIDs() async -> [pid_t] {
    await hub.processes.filter { $0.name.hasPrefix("scorer-") }.map(\.pid)
  }

  /// All gateways' counts together.
  func metrics() async throws -> HubMetrics {
    var sum = HubMetrics()
    for (index, client) in client.all.enumerated() {
      let answer = try await client.request("GET", "/v1/metrics")
      // Every gateway shows the same scorers.
      sum.add(answer.text, withScorers: index == 0)
    }
    return sum
  }

  /// Asks for all miners, one region at a time, and compares what their last heartbeats come to.
  /// - Parameter said: the number of each miner's last acknowledged heartbeat; 0: none.
  func countWrongValues(_ said: [Int]) async throws -> Int {
    var wrong = 0
    for region in 0...(max(0, said.count - 1) / BenchMiner.minersPerRegion) {
      let body = """
        {"job_id":"check-\(region)","hints":{"region":"\(BenchMiner.region(region))"},"top_k":50}
        """
      let answer = try await client.all[region % gateways].match(Array(body.utf8))
      try answer.requireSuccess("asking for \(BenchMiner.region(region))")
      var found: [String: Double] = [:]
      for candidate in answer.json?["candidates"]?.array ?? [] {
        guard let id = candidate["miner_id"]?.string else { continue }
        found[id] = candidate["eta_ms"]?.double
      }
      let start = region * BenchMiner.minersPerRegion
      for index in start..<min(start + BenchMiner.minersPerRegion, said.count)
      where said[index] > 0 {
        let miner = BenchMiner(index: index)
        let expected = miner.etaMilliseconds(sequence: said[index])
        if abs((found[miner.id.text] ?? -1) - expected) > 1e-6 * expected { wrong += 1 }
      }
    }
    return wrong
  }

  /// Compares what each scorer holds of every miner with its last acknowledged heartbeat.
  /// - Returns: how many differ, over all scorers.
  func countWrongHoldings(_ said: [Int]) async throws -> Int {
    let seen = inspector.seen.keys
    guard seen.count == scorers else {
      throw CommandError("\(seen.count) of \(scorers) scorers can be asked what they hold")
    }
    let ids = said.indices.map { BenchMiner(index: $0).id }
    var wrong = 0
    for scorer in seen {
      let holdings = try await inspector.holdings(of: ids, in: scorer)
      let statuses = Dictionary(uniqueKeysWithValues: holdings.map { ($0.id, $0.status) })
      for (index, sequence) in said.enumerated() where sequence > 0 {
        let miner = BenchMiner(index: index)
        let status = statuses[miner.id] ?? nil
        if status?.queueLength != UInt32(miner.queueLength(sequence: sequence))
          || status?.avgLatencyMilliseconds != miner.latencyMilliseconds(sequence: sequence)
        {
          wrong += 1
        }
      }
    }
    return wrong
  }

  /// A registration each would take longer than the measuring.
  private static func insert(_ count: Int, at now: Timestamp, dsn: String) async throws {
    let pool = PostgresPool(dsn: dsn)
    for start in stride(from: 0, to: count, by: rowsPerStatement) {
      let miners = (start..<min(start + rowsPerStatement, count)).map { BenchMiner(index: $0) }
      let profile = miners[0].profile
      try await pool.run { connection in
        _ = try connection.execute(
          """
          INSERT INTO poolhub.miners (
            miner_id, version, addr, proto, region, gpu_name, gpu_count, gpu_vram_gb, ram_gb,
            cpu_cores, max_parallel, price_units, accel, tags, capabilities, created_at, updated_at)
          SELECT id, 1, addr, 'http', region, $5, $6, $7, 64, 16, $8, price, $9, '{}', '{}', $10, $10
          FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS t (id, addr, region, price)
          """,
          [
            .texts(miners.map(\.id.text)), .texts(miners.map(\.profile.addr)),
            .texts(miners.map(\.region)), .ints(miners.map(\.profile.price.units)),
            .text(profile.gpuName), .int(Int64(profile.gpuCount)), .double(profile.gpuVRAMGB),
            .int(Int64(profile.maxParallel)), .texts(profile.accel), .timestamp(now),
          ])
      }
    }
    await pool.close()
  }
}
