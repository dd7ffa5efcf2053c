import Fleet
import IndexBenchmark
import PathBenchmark
import Simulation

/// What one server did, a value a round.
struct ServerFigures {
  var perSecond: [Double] = []
  var p50Milliseconds: [Double] = []
  var p99Milliseconds: [Double] = []
}

/// What `bench match` found at one number of miners.
struct PathFigures {
  let miners: Int
  /// The mean of the hub's answers.
  var answerBytes = 0
  /// At which latencies were taken.
  var openPerSecond = 0.0
  var hub = ServerFigures()
  var floors: [FloorServer.Kind: ServerFigures] = [:]
  /// Latencies of ZeroMQ alone.
  var link = ServerFigures()
  /// The hub's requests a second by number of connections.
  var byConnections: [Int: [Double]] = [:]
  /// Matches a second in batches of 64; empty: not asked, or there was a fault.
  var batched: [Double] = []
  /// Matches a second of the index alone, on one core, in turn with the batches.
  var indexed: [Double] = []
  var batchFault: String?
  var gatewayBytes = 0
  var scorerBytes = 0

  init(miners: Int) { self.miners = miners }
}

/// Matches through the whole path at one number of miners, beside the floors.
struct MatchBenchmark {
  struct Plan {
    var wrk: String
    var seconds: Int
    var rounds: Int
    var connections: Int
    var moreConnections: [Int]
    /// nil: a share of what NIO, or the hub where there are no floors, answers.
    var openPerSecond: Double?
    var scorers: Int
    var requests: Int
    var seed: UInt64
    var hasFloors: Bool
    var asksBatches: Bool
    /// Else a hub that is measured has no limits.
    var hasLimits: Bool
    /// Where the hub's programs are; nil: where we are.
    var executables: String?
  }

  private static let openShare = 0.3
  static let batchSize = 64
  private static let batchCount = 200
  private static let sampleCount = 200

  let plan: Plan
  let folder: String
  let say: @Sendable (String) -> Void

  func measure(_ size: Int) async throws -> PathFigures {
    let hub = try await BenchHub.start(
      folder: folder + "/hub", miners: StoredMiners(count: size, seed: plan.seed),
      scorers: plan.scorers, cores: CorePlan(),
      settings: plan.hasLimits ? ["POOLHUB_LIMIT_MATCH=1000000/s"] : [],
      executables: plan.executables, say: say)
    do {
      let figures = try await measure(size, hub)
      await hub.stop()
      return figures
    } catch {
      await hub.stop()
      throw error
    }
  }

  private func measure(_ size: Int, _ hub: BenchHub) async throws -> PathFigures {
    var figures = PathFigures(miners: size)
    let bodies = MatchBodies.typical(plan.requests, seed: plan.seed)
    let bearer = hub.state.coordinatorSecret
    let load = Load(
      plan: plan,
      script: try WrkScript(
        folder: folder, name: "match", path: "/v1/match", bodies: bodies, bearer: bearer),
      requests: bodies.map { HTTPRequestText.post("/v1/match", bearer: bearer, body: $0) })
    figures.answerBytes = try await Self.meanAnswerBytes(hub.client, bodies)
    let floors = try await startFloors(answerBytes: figures.answerBytes, hub.cores)
    defer { for floor in floors { floor.stop() } }
    let link = try await startLink(answerBytes: figures.answerBytes, hub.cores)
    defer { link?.stop() }
    try await measureRounds(&figures, hub, floors, link, load)
    for connections in plan.moreConnections {
      say("the hub over \(connections) connections")
      for _ in 0..<plan.rounds {
        figures.byConnections[connections, default: []].append(
          try await load.perSecond(hub.client.baseURL, connections: connections))
      }
    }
    if plan.asksBatches {
      do {
        try await measureBatches(&figures, hub)
      } catch {
        (figures.batched, figures.indexed) = ([], [])
        figures.batchFault = "\(error)"
      }
    }
    figures.gatewayBytes = await hub.residentBytes(of: "gateway")
    figures.scorerBytes = await hub.residentBytes(of: "scorer")
    return figures
  }

  private func measureRounds(
    _ figures: inout PathFigures, _ hub: BenchHub, _ floors: [FloorServer], _ link: LinkFloor?,
    _ load: Load
  ) async throws {
    say("warming up")
    let nio = floors.first { $0.kind == .nio }
    let url = hub.client.baseURL
    _ = try await load.perSecond(url, connections: plan.connections)
    let most = try await load.perSecond(nio?.url ?? url, connections: plan.connections)
    figures.openPerSecond = plan.openPerSecond ?? Self.openShare * most
    for round in 1...plan.rounds {
      say("round \(round) of \(plan.rounds), the hub")
      try await load.round(
        url: url, port: hub.gatewayPort, open: figures.openPerSecond, &figures.hub)
      for floor in floors {
        say("round \(round) of \(plan.rounds), \(floor.kind.rawValue)")
        try await load.round(
          url: floor.url, port: floor.port, open: figures.openPerSecond,
          &figures.floors[floor.kind, default: ServerFigures()])
      }
      if let link {
        say("round \(round) of \(plan.rounds), ZeroMQ alone")
        let latencies = try await link.latencies(
          perSecond: figures.openPerSecond, seconds: plan.seconds)
        figures.link.p50Milliseconds.append(latencies.p50Milliseconds)
        figures.link.p99Milliseconds.append(latencies.p99Milliseconds)
      }
    }
  }

  private func startFloors(answerBytes: Int, _ cores: CorePlan?) async throws -> [FloorServer] {
    guard plan.hasFloors else { return [] }
    var floors: [FloorServer] = []
    do {
      for kind in FloorServer.Kind.allCases {
        floors.append(
          try await FloorServer.start(
            kind, answerBytes: answerBytes, folder: folder, cores: cores?.server))
      }
    } catch {
      for floor in floors { floor.stop() }
      throw error
    }
    return floors
  }

  private func startLink(answerBytes: Int, _ cores: CorePlan?) async throws -> LinkFloor? {
    guard plan.hasFloors else { return nil }
    return try await LinkFloor.start(answerBytes: answerBytes, folder: folder, cores: cores)
  }

  private func measureBatches(_ figures: inout PathFigures, _ hub: BenchHub) async throws {
    say("batches of \(Self.batchSize)")
    let bodies = MatchBodies.batches(Self.batchCount, of: Self.batchSize, seed: plan.seed)
    let path = "/v1/match/batch"
    let answer = try await hub.client.request(
      "POST", path, bearer: hub.state.coordinatorSecret, body: bodies[0])
    guard answer.isSuccess else { throw CommandError("\(path): \(answer.summary)") }
    let script = try WrkScript(
      folder: folder, name: "batch", path: path, bodies: bodies,
      bearer: hub.state.coordinatorSecret)
    // No floor answers these, and a client reads a tenth of a megabyte at once: it goes where there is room.
    if let cores = hub.cores { CorePlan.bindOurselves(to: cores.all) }
    defer { if let cores = hub.cores { CorePlan.bindOurselves(to: cores.others) } }
    var index = ThroughputWorker(miners: figures.miners, seed: plan.seed)
    for _ in 0..<plan.rounds {
      let run = WrkRun(
        program: plan.wrk, script: script, url: hub.client.baseURL, connections: plan.connections,
        seconds: plan.seconds)
      figures.batched.append(try await run.perSecond() * Double(Self.batchSize))
      figures.indexed.append(index.run(seconds: Double(plan.seconds)))
    }
  }

  private static func meanAnswerBytes(
    _ client: HubClient, _ bodies: [[UInt8]]
  ) async throws -> Int {
    var sum = 0
    let sample = bodies.prefix(sampleCount)
    for body in sample {
      let answer = try await client.match(body)
      try answer.requireSuccess("a match")
      sum += answer.body.count
    }
    return sum / sample.count
  }
}

/// The same requests to whichever server.
private struct Load: Sendable {
  let plan: MatchBenchmark.Plan
  let script: WrkScript
  let requests: [[UInt8]]

  func perSecond(_ url: String, connections: Int) async throws -> Double {
    try await WrkRun(
      program: plan.wrk, script: script, url: url, connections: connections,
      seconds: plan.seconds
    ).perSecond()
  }

  func round(
    url: String, port: Int, open rate: Double, _ figures: inout ServerFigures
  ) async throws {
    figures.perSecond.append(try await perSecond(url, connections: plan.connections))
    let latencies = try await open(port: port, perSecond: rate)
    if latencies.refused > 0 {
      throw CommandError("\(url) refused \(latencies.refused) of \(latencies.answered) requests")
    }
    figures.p50Milliseconds.append(latencies.p50Milliseconds)
    figures.p99Milliseconds.append(latencies.p99Milliseconds)
  }

  private func open(port: Int, perSecond: Double) async throws -> OpenLoop.Result {
    try await OpenLoop.run(
      port: port, connections: plan.connections, requests: requests, perSecond: perSecond,
      seconds: Double(plan.seconds))
  }
}
