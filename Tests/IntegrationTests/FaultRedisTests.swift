import Foundation
import Glibc
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("Redis at fault") struct FaultRedis {
    /// How a Redis that answers comes to take no writes, and how it is mended.
    enum Refusal: String, CaseIterable, Sendable {
      case outOfMemory = "OOM"
      /// It cannot save itself to disk, and so takes nothing more.
      case cannotSave = "MISCONF"
      case replica = "READONLY"

      func begin(in fleet: OwnFleet) async throws {
        switch self {
        case .outOfMemory: _ = try await fleet.command("CONFIG", "SET", "maxmemory", "1")
        case .cannotSave:
          // Something that the snapshot can't replace.
          let dump = "\(fleet.folder.path)/redis/dump.rdb"
          try FileManager.default.createDirectory(
            atPath: dump + "/in-the-way", withIntermediateDirectories: true)
          _ = try await fleet.command("CONFIG", "SET", "save", "3600 1")
          _ = try await fleet.command("BGSAVE")
        case .replica: _ = try await fleet.command("REPLICAOF", "127.0.0.1", "1")
        }
      }

      func end(in fleet: OwnFleet) async throws {
        switch self {
        case .outOfMemory: _ = try await fleet.command("CONFIG", "SET", "maxmemory", "0")
        case .cannotSave:
          try FileManager.default.removeItem(atPath: "\(fleet.folder.path)/redis/dump.rdb")
          // With such a Redis not even PING works, so there is no greeting either.
          let save = try await ProgramRun.tool(
            "/usr/bin/redis-cli", ["-s", "\(fleet.folder.path)/redis/redis.sock", "BGSAVE"])
          #expect(save.status == 0, "\(save.output)")
        case .replica: _ = try await fleet.command("REPLICAOF", "NO", "ONE")
        }
      }
    }

    @Test("a Redis that answers but takes no writes counts as away, and all is there afterwards")
    func writesRefused() async throws {
      try await OwnFleet.with { fleet in
        for number in 1...2 { try await fleet.startScorer(number) }
        let client = try await fleet.startGateway()
        try await client.waitForHealth("ok", scorers: 2)
        for refusal in Refusal.allCases {
          try await check(refusal, in: fleet, client)
        }
      }
    }

    private func check(_ refusal: Refusal, in fleet: OwnFleet, _ client: HubClient) async throws {
      let name = refusal.rawValue
      let miners = try await LiveMiner.register(2, capability: name, at: client)
      try await whileSpeaking(miners) {
        try await refusal.begin(in: fleet)
        try await client.waitForHealth("degraded", scorers: 2, within: .seconds(5))
        let health = try #require(try await client.health().json)
        #expect(health["redis"]?.bool == false)
        if refusal != .cannotSave {
          #expect(health["redis_error"]?.string == "refused (\(refusal.rawValue))")
        }
        let newcomer = try await LiveMiner.register("\(name)-3", capability: name, at: client)
        #expect(try await client.feedback(job: name, miner: miners[0].id).status == 200)
        // Past every lease: nobody's sign of life comes through, so nobody's lease may end.
        try await Task.sleep(for: .seconds(2.5))
        for _ in 0..<20 { #expect(await matchFault(client, name, miners.map(\.id)) == nil) }
        #expect(try await client.renewLease(token: newcomer.token).status == 200)
        try await refusal.end(in: fleet)
        try await client.waitForHealth("ok", scorers: 2, within: .seconds(5))
        try await eventually("both scorers know who came meanwhile", within: .seconds(5)) {
          let found = try await (0..<10).asyncAll { _ in try await client.online(name) }
          return found.allSatisfy { $0?.contains(newcomer.id) == true }
        }
        let trust = try await client.match(capability: name).candidate(miners[0].id)?["trust"]
        #expect(try #require(trust?.double) > 0.5)
      }
    }

    @Test("Stores that answer 200 ms late slow down what needs them, and nothing fails")
    func slow() async throws {
      try await OwnFleet.with { fleet in
        let patient = ["POOLHUB_LEASE_TTL_SEC": "30"]
        for number in 1...2 { try await fleet.startScorer(number, patient) }
        let client = try await fleet.startGateway(1, patient)
        try await client.waitForHealth("ok", scorers: 2)
        let old = try await LiveMiner.register(2, capability: "slow", at: client)
        for store in [fleet.database, fleet.cache] { store.set(.delays(.milliseconds(200))) }
        try await whileSpeaking(old) {
          let tally = try await whileMatching(
            client, capability: "slow", expecting: old.map(\.id), workers: 1
          ) {
            // Seen by the next match, as always.
            let new = try await LiveMiner.register("slower", capability: "slower", at: client)
            #expect(try await client.online("slower")?.contains(new.id) == true)
            let feedback = try await client.feedback(job: "slow", miner: new.id)
            #expect(feedback.status == 200, "\(feedback.text)")
            let shown = try await client.match(capability: "slower").candidate(new.id)?["trust"]
            #expect(shown?.double == feedback.json?["trust_score"]?.double)
            #expect(try await new.heartbeat(["queue_len": .int(1)]).status == 200)
            // A whole process's start, as slowly.
            try await fleet.startScorer(3, patient)
            try await client.waitForHealth("ok", scorers: 3)
          }
          #expect(tally.faults == [])
          #expect(tally.good > 100)
        }
      }
    }

    @Test("What starts while nothing of the stores can be reached waits, and works soon after")
    func startsDuringOutage() async throws {
      try await OwnFleet.with { fleet in
        for store in [fleet.database, fleet.cache] { store.set(.refuses) }
        let client = try await fleet.startGateway()
        try await fleet.startScorer()
        let health = try await client.health()
        #expect(health.status == 503)
        #expect(health.json?["status"]?.string == "unavailable")
        #expect(health.json?["db"]?.bool == false)
        try await client.register(body("early"))
          .expectProblem(503, "store_unavailable", retries: true)
        try await Task.sleep(for: .seconds(2))
        #expect(try fleet.process("gateway-1").isRunning)
        #expect(try fleet.process("scorer-1").isRunning)
        for store in [fleet.database, fleet.cache] { store.set(.forwards) }
        try await client.waitForHealth("ok", scorers: 1, within: .seconds(5))
        // Stores whose host is gone without a word are no different.
        for store in [fleet.database, fleet.cache] { store.set(.swallows) }
        try await fleet.startScorer(2)
        let second = try await fleet.startGateway(2)
        try await client.waitForHealth("degraded", scorers: 1, within: .seconds(8))
        #expect(try await second.health().status == 503)
        for store in [fleet.database, fleet.cache] { store.set(.forwards) }
        try await client.waitForHealth("ok", scorers: 2, within: .seconds(5))
        try await eventually("the second gateway is well", within: .seconds(5)) {
          try await second.health().json?["db_error"] == .null
        }
        _ = try await LiveMiner.register("late", capability: "late", at: client)
        #expect(try await client.online("late") == ["late"])
      }
    }

    @Test("A Redis that came back empty is filled again: signs of life, and sessions that ended")
    func emptied() async throws {
      try await OwnFleet.with { fleet in
        try await fleet.startScorer(1, ["POOLHUB_GATEWAYS": "\(fleet.link(1)),\(fleet.link(2))"])
        let client = try await fleet.startGateway()
        try await client.waitForHealth("ok", scorers: 1)
        let miners = try await LiveMiner.register(3, capability: "empty", at: client)
        let gone = try await LiveMiner.register("gone", capability: "gone", at: client)
        let alsoGone = try await LiveMiner.register("also-gone", capability: "gone", at: client)
        #expect(try await client.logout(token: gone.token).status == 200)
        // The third says its word over plain HTTP.
        let renewing = Task {
          while !Task.isCancelled {
            _ = try await client.renewLease(token: miners[2].token)
            try await Task.sleep(for: .seconds(1))
          }
        }
        try await whileSpeaking(Array(miners[0..<2])) {
          fleet.cache.set(.refuses)
          try await client.waitForHealth("degraded", scorers: 1, within: .seconds(5))
          #expect(try await client.logout(token: alsoGone.token).status == 200)
          await fleet.redis.child?.terminate(signal: SIGKILL)
          _ = await fleet.redis.child?.waitForExit()
          try await fleet.redis.start()
          fleet.cache.set(.forwards)
          try await client.waitForHealth("ok", scorers: 1, within: .seconds(5))
          // A third of the lease, and some time to start.
          try fleet.process("scorer-1").terminate(signal: SIGKILL)
          try await fleet.startScorer(2, ["POOLHUB_GATEWAYS": "\(fleet.link(1)),\(fleet.link(2))"])
          try await client.waitForHealth("ok", scorers: 1)
          try await eventually("one who starts now knows all miners", within: .seconds(2)) {
            try await client.online("empty") == miners.map(\.id)
          }
          let second = try await fleet.startGateway(2)
          try await second.waitForHealth("ok", scorers: 1)
          for miner in [gone, alsoGone] {
            try await eventually("\(miner.id) is out everywhere", within: .seconds(2)) {
              try await second.renewLease(token: miner.token).status == 401
            }
          }
          #expect(try await second.renewLease(token: miners[0].token).status == 200)
        }
        renewing.cancel()
      }
    }

    private func body(_ id: String) -> [UInt8] {
      Array(
        """
        {"miner_id":"\(id)","api_key":"a-key-of-\(id)-0123456789","capabilities":["full"]}
        """.utf8)
    }
  }
}

extension Range where Bound == Int {
  /// All at once.
  func asyncAll<Value: Sendable>(
    _ body: @Sendable @escaping (Int) async throws -> Value
  ) async throws -> [Value] {
    try await withThrowingTaskGroup(of: Value.self) { group in
      for number in self { group.addTask { try await body(number) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
  }
}
