import Foundation
import Glibc
import JSON
import Postgres
import Simulation
import Synchronization
import TestSupport
import Testing

extension RunningProcesses {
  /// Scorers are told of no gateway: they find both in Redis.
  @Suite(
    "Every process restarted in turn",
    .hub(gateways: 2, scorers: 2, set: ["POOLHUB_GATEWAYS": "tcp://127.0.0.1:1"]))
  struct FailureRolling {
    @Test("No request fails, none is lost, and each process ends well")
    func rolling() async throws {
      let hub = try suiteHub()
      let balancer = try Balancer(hub)
      let miners = try await LiveMiner.register(3, capability: "roll", at: try hub.client())
      let load = RollingLoad(balancer: balancer, miner: miners[0].id)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<2 { group.addTask { await load.match(expecting: miners.map(\.id).sorted()) } }
        group.addTask { await load.feedBack() }
        group.addTask { await load.register() }
        for name in ["scorer-1", "gateway-1", "scorer-2", "gateway-2"] {
          let before = load.done
          await eventually("the load goes on") { load.done > before + 20 }
          try await hub.restart(name, by: SIGTERM)
          try await waitUntilWhole(hub)
        }
        group.cancelAll()
        try await group.waitForAll()
      }
      #expect(load.faults == [])
      for name in ["scorer-1", "gateway-1", "scorer-2", "gateway-2"] {
        #expect(hub.log().contains("\(name) ended with status 0"), "\(name)")
      }
      #expect(hub.log(of: "scorer-1").contains("gateway found"))
      let stored = try await storedFeedback(of: miners[0].id, in: hub)
      #expect(stored == load.acknowledgedFeedback)
      let registered = try await hub.client().online("roll-new") ?? []
      #expect(Set(registered.prefix(50)).isSubset(of: load.registeredNames))
      #expect(registered.count == min(50, load.registeredNames.count))
    }

    @Test("Status shows each gateway's scorers, and names a gateway that wasn't asked")
    func status() async throws {
      let hub = try suiteHub()
      try await waitUntilWhole(hub)
      let state = try #require(try hub.state())
      let whole = try await ProgramRun.run("poolhub", ["status", "--data", hub.directory])
      #expect(whole.status == 0, "\(whole.output)")
      for gateway in ["gateway-1", "gateway-2"] {
        for scorer in ["scorer-1", "scorer-2"] {
          let row: [Substring] = [Substring(gateway), Substring(scorer), "ready"]
          let isShown = whole.lines.contains { $0.split(separator: " ").starts(with: row) }
          #expect(isShown, "\(whole.output)")
        }
      }
      let half = try await ProgramRun.run("poolhub", ["status", "--url", state.gateways[0]])
      #expect(
        half.lines.contains { $0.contains("gateway-2") && $0.contains("not asked") },
        "\(half.output)")
    }

    @Test("What a gateway announces ends by itself when it stands still")
    func announcements() async throws {
      let hub = try suiteHub()
      try await waitUntilWhole(hub)
      let other = try hub.client(gateway: 1)
      try await hub.whileStopped("gateway-1") {
        try await eventually("its announcement is over") {
          try await other.health().json?["gateways"]?.array == [.string("gateway-2")]
        }
      }
      try await waitUntilWhole(hub)
    }

    /// Both gateways see both scorers, and each other.
    private func waitUntilWhole(_ hub: RunningHub) async throws {
      for index in 0..<2 {
        let client = try hub.client(gateway: index)
        await eventually("gateway \(index + 1) sees the whole fleet") {
          guard let health = try? await client.health().json else { return false }
          return health["status"]?.string == "ok" && health["scorers"]?.int == 2
            && health["gateways"]?.array?.count == 2
        }
      }
    }

    private func storedFeedback(of miner: String, in hub: RunningHub) async throws -> Int {
      let pool = PostgresPool(dsn: try #require(try hub.state()).databaseDSN)
      let count = try await pool.run { connection in
        let rows = try connection.execute(
          "SELECT count(*) FROM poolhub.feedback WHERE miner_id = $1", [.text(miner)])
        return try rows.first?.int(0) ?? -1
      }
      await pool.close()
      return Int(count)
    }
  }
}

/// Does what a balancer does: a gateway that refuses the connection, or ends it before it has said a byte,
/// is passed over. What a gateway answers counts, whatever it is.
final class Balancer: Sendable {
  private let clients: [HubClient]
  private let next = Mutex(0)

  init(_ hub: RunningHub) throws {
    clients = [try hub.client(gateway: 0), try hub.client(gateway: 1)]
  }

  func send(_ body: (HubClient) async throws -> HubAnswer) async throws -> HubAnswer {
    let first = next.withLock { next in
      next += 1
      return next
    }
    do {
      return try await body(clients[first % 2])
    } catch is HubUnreachable {
      return try await body(clients[(first + 1) % 2])
    }
  }
}

/// Requests of every kind without a pause, and what became of them.
final class RollingLoad: Sendable {
  private struct State {
    var done = 0
    var faults: [String] = []
    var feedbackCount = 0
    var names: Set<String> = []
  }

  private let balancer: Balancer
  private let miner: String
  private let state = Mutex(State())

  init(balancer: Balancer, miner: String) {
    self.balancer = balancer
    self.miner = miner
  }

  var done: Int { state.withLock { $0.done } }
  var faults: [String] { state.withLock { $0.faults } }
  var acknowledgedFeedback: Int { state.withLock { $0.feedbackCount } }
  var registeredNames: Set<String> { state.withLock { $0.names } }

  func match(expecting names: [String]) async {
    while !Task.isCancelled {
      let answer = await ask("match") { try await $0.match(capability: "roll") }
      guard let answer, answer.status == 200 else { continue }
      let found = answer.candidates.compactMap { $0["miner_id"]?.string }.sorted()
      if found != names { state.withLock { $0.faults.append("found \(found)") } }
    }
  }

  func feedBack() async {
    let miner = miner
    for number in 0... where !Task.isCancelled {
      let answer = await askToTheEnd("feedback") {
        try await $0.feedback(job: "roll-\(number)", miner: miner)
      }
      if answer?.status == 200 { state.withLock { $0.feedbackCount += 1 } }
      if Task.isCancelled { return }
    }
  }

  func register() async {
    for number in 0... {
      if Task.isCancelled { return }
      let name = "roll-new-\(number)"
      let body = JSONWriter.bytes(
        of: .members([
          "miner_id": .string(name), "api_key": .string("key-of-\(name)-0123456789"),
          "capabilities": .strings("roll-new"),
        ]))
      let answer = await askToTheEnd("register") { try await $0.register(body) }
      if answer?.status == 200 { state.withLock { _ = $0.names.insert(name) } }
      try? await Task.sleep(for: .milliseconds(20))
    }
  }

  /// What was begun is waited for, so that it is known what became of it.
  private func askToTheEnd(
    _ what: String, _ body: @escaping @Sendable (HubClient) async throws -> HubAnswer
  ) async -> HubAnswer? {
    await Task { await ask(what, body) }.value
  }

  private func ask(
    _ what: String, _ body: (HubClient) async throws -> HubAnswer
  ) async -> HubAnswer? {
    do {
      let answer = try await balancer.send(body)
      state.withLock { state in
        state.done += 1
        if answer.status != 200 { state.faults.append("\(what): \(answer.summary)") }
      }
      return answer
    } catch {
      if !Task.isCancelled { state.withLock { $0.faults.append("\(what): \(error)") } }
      return nil
    }
  }
}
