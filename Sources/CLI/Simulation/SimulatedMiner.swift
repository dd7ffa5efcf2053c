import Domain
import JSON
import Synchronization

/// A mock miner at work: registers, holds a WebSocket, sends heartbeats, leaves and returns, does jobs.
package actor SimulatedMiner {
  /// How restless the fleet is.
  package struct Temper: Sendable {
    /// How long a miner stays on average before it leaves.
    package var meanStaySeconds = 300.0
    /// How long it is away on average.
    package var meanAwaySeconds = 20.0
    /// The share of miners whose connection keeps breaking, and how long it holds on average.
    package var flakyShare = 0.05
    package var meanFlakySeconds = 45.0

    package init() {}
  }

  /// What it told the hub.
  package enum Sign: Sendable { case registered, heartbeat }

  /// Told of each sign with the miner's id and the number of the gateway.
  package typealias Observer = @Sendable (_ minerID: String, _ sign: Sign, _ gateway: Int) -> Void

  private struct RegistrationRefused: Error, CustomStringConvertible {
    let answer: HubAnswer
    var description: String { "the registration was refused: \(answer.summary)" }
  }

  private enum Departure {
    /// The connection ended, with this code where the hub said one.
    case cut(code: Int?)
    case left
    case crashed
  }

  package nonisolated let miner: MockMiner
  private let hubs: [HubClient]
  /// The gateway that it is at; when that fails it goes to the next.
  private var gateway: Int
  private let observe: Observer
  private let counters: SimulationCounters
  private let gate: Gate
  private let temper: Temper
  private let isFlaky: Bool
  private var random: SeededRandom
  private var motion: MinerMotion
  private var policy = ReconnectPolicy()
  private var token: String?
  private var heartbeatPath = "/v1/miners/heartbeat"
  private var heartbeatSeconds = 20.0
  private var retryAfterSeconds: Double?
  private var sequence = 0
  private var sentAt: ContinuousClock.Instant?
  private var jobs = 0
  private var isOnline = false

  /// - Parameters:
  ///   - gateway: which of `hubs` it goes to first.
  ///   - gate: bounds how many miners register or shake hands at the same time.
  package init(
    _ miner: MockMiner, hubs: [HubClient], gateway: Int, counters: SimulationCounters, gate: Gate,
    temper: Temper = Temper(), random: SeededRandom,
    observe: @escaping Observer = { _, _, _ in }
  ) {
    self.miner = miner
    self.hubs = hubs
    self.gateway = gateway % hubs.count
    self.observe = observe
    self.counters = counters
    self.gate = gate
    self.temper = temper
    var random = random
    isFlaky = random.chance(temper.flakyShare)
    motion = MinerMotion(miner, random: SeededRandom(seed: random.next()))
    self.random = random
  }

  /// Lives until the task is cancelled.
  package func run() async {
    while !Task.isCancelled {
      do {
        let connection = try await gate.pass { try await self.connect() }
        policy.succeeded()
        switch await stay(on: connection) {
        case .left: await sleep(seconds: random.exponential(mean: temper.meanAwaySeconds))
        case .crashed: await pauseBeforeRetry()
        case .cut(let code):
          if code == 4401 { token = nil }
          goElsewhere()
          counters.count { $0.reconnects += 1 }
          await pauseBeforeRetry()
        }
      } catch {
        if Task.isCancelled { return }
        goElsewhere()
        counters.count {
          $0.failures += 1
          $0.lastFailure = "\(error)"
        }
        await pauseBeforeRetry()
      }
    }
  }

  /// Does one job: takes its time, and keeps its promise as often as its reliability says.
  /// - Returns: nil when it takes the job not at all.
  package func work(meanSeconds: Double) async -> (succeeded: Bool, latency: Duration)? {
    guard isOnline, motion.queueLength(jobs: jobs) < miner.profile.maxParallel else { return nil }
    let clock = ContinuousClock()
    let start = clock.now
    jobs += 1
    defer { jobs -= 1 }
    let succeeded = random.chance(miner.reliability)
    // Failures show early as often as late.
    let share = succeeded ? 1 : random.unit()
    await sleep(seconds: share * random.logNormal(median: meanSeconds, spread: 0.5))
    return (succeeded && isOnline, clock.now - start)
  }

  // MARK: - Getting in

  private var hub: HubClient { hubs[gateway] }

  private func goElsewhere() { gateway = (gateway + 1) % hubs.count }

  private func connect() async throws -> WebSocketClient {
    if token == nil { try await register() }
    do {
      return try await dial()
    } catch let refusal as WebSocketClient.UpgradeRefused where refusal.answer.status == 401 {
      try await register()
      return try await dial()
    }
  }

  private func register() async throws {
    let answer = try await hub.register(miner.registration)
    noteRetryAfter(answer)
    guard answer.isSuccess, let json = answer.json, let token = json["session_token"]?.string else {
      throw RegistrationRefused(answer: answer)
    }
    self.token = token
    if let path = json["heartbeat_path"]?.string { heartbeatPath = path }
    if let seconds = json["next_heartbeat_sec"]?.double { heartbeatSeconds = max(0.1, seconds) }
    counters.count { $0.registrations += 1 }
    observe(miner.id, .registered, gateway)
  }

  private func dial() async throws -> WebSocketClient {
    do {
      return try await WebSocketClient.connect(
        url: hub.baseURL + heartbeatPath, headers: [("Authorization", "Bearer \(token ?? "")")])
    } catch let refusal as WebSocketClient.UpgradeRefused {
      noteRetryAfter(refusal.answer)
      throw refusal
    }
  }

  // MARK: - Being there

  private func stay(on connection: WebSocketClient) async -> Departure {
    isOnline = true
    counters.count { $0.connected += 1 }
    defer {
      isOnline = false
      counters.count { $0.connected -= 1 }
    }
    let stay = random.exponential(mean: isFlaky ? temper.meanFlakySeconds : temper.meanStaySeconds)
    // Whichever ends first ends the stay: the connection, or the miner's patience.
    let wasCut = await withTaskGroup(of: Bool.self) { group in
      group.addTask { await self.read(from: connection) }
      group.addTask { await self.beat(on: connection, forSeconds: stay) }
      let first = await group.next() ?? true
      group.cancelAll()
      return first
    }
    if wasCut && !Task.isCancelled {
      await connection.abort()
      return .cut(code: connection.closeCode)
    }
    if isFlaky && !Task.isCancelled {
      await connection.abort()
      return .crashed
    }
    await connection.close()
    return .left
  }

  /// - Returns: true once the connection has ended.
  private func read(from connection: WebSocketClient) async -> Bool {
    while let message = await connection.receive() {
      guard case .text(let text) = message, let json = try? JSONValue.parse(Array(text.utf8)) else {
        continue
      }
      await handle(json, on: connection)
    }
    return true
  }

  /// - Returns: false when it is time to leave, true when the connection broke.
  private func beat(on connection: WebSocketClient, forSeconds stay: Double) async -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(stay)
    while !Task.isCancelled {
      do { try await sendHeartbeat(on: connection) } catch { return true }
      // A little early, never late, and never all at once.
      let pause = heartbeatSeconds * (0.85 + 0.15 * random.unit())
      let next = clock.now + .seconds(pause)
      if next >= end {
        try? await clock.sleep(until: end)
        return false
      }
      try? await clock.sleep(until: next)
      motion.advance(seconds: pause)
    }
    return false
  }

  private func sendHeartbeat(on connection: WebSocketClient) async throws {
    sequence += 1
    sentAt = ContinuousClock.now
    observe(miner.id, .heartbeat, gateway)
    let heartbeat = motion.heartbeat(sequence: sequence, jobs: jobs)
    try await connection.send(opcode: .text, payload: heartbeat)
    counters.count { $0.heartbeats += 1 }
  }

  private func handle(_ json: JSONValue, on connection: WebSocketClient) async {
    if let milliseconds = json["retry_after_ms"]?.double {
      retryAfterSeconds = milliseconds / 1_000
    }
    switch json["type"]?.string {
    case "ack":
      if let seconds = json["next_heartbeat_sec"]?.double { heartbeatSeconds = max(0.1, seconds) }
      if json["seq"]?.int == sequence, let sentAt {
        counters.acknowledgementLatency.record(ContinuousClock.now - sentAt)
      }
    case "command":
      var reply = JSONWriter(capacity: 80)
      reply.object { reply in
        reply.field("type", "command_ack")
        reply.field("id", value: json["id"] ?? .null)
        reply.field("ok", true)
      }
      try? await connection.send(opcode: .text, payload: reply.bytes)
    default: break
    }
  }

  // MARK: - Waiting

  private func noteRetryAfter(_ answer: HubAnswer) {
    if let seconds = answer.header("Retry-After").flatMap({ Double($0) }) {
      retryAfterSeconds = min(60, max(0, seconds))
    }
  }

  private func pauseBeforeRetry() async {
    let own = policy.delaySeconds(unit: random.unit())
    let asked = retryAfterSeconds ?? 0
    retryAfterSeconds = nil
    await sleep(seconds: max(own, asked))
  }

  private func sleep(seconds: Double) async { try? await Task.sleep(for: .seconds(seconds)) }
}
