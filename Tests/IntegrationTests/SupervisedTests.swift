import Fleet
import Foundation
import Glibc
import Simulation
import Synchronization
import TestSupport
import Testing

/// A service manager's ear: a socket, and all that was said to it.
private final class Manager: Sendable {
  let path: String
  private let socket: Int32

  init(_ path: String) throws {
    self.path = path
    socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(bound == 0)
  }

  deinit { close(socket) }

  private let heard = Mutex<[String]>([])

  /// Every line so far.
  var lines: [String] {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    return heard.withLock { heard in
      while true {
        let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0 { return heard }
        heard += String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").map(
          String.init)
      }
    }
  }

  func waits(for line: String, _ count: Int = 1) async {
    await eventually("the manager hears \(line)") { lines.count { $0.hasPrefix(line) } >= count }
  }
}

extension RunningProcesses {
  @Suite("Under a service manager") struct Supervised {
    private static let match = Array(#"{"job_id": "j"}"#.utf8)

    @Test(
      "A gateway is ready once it can answer a match, gives signs of life, and says that it ends")
    func ready() async throws {
      try await OwnFleet.with { fleet in
        let manager = try Manager("\(fleet.folder.path)/gateway-notify")
        let hub = try await fleet.startGateway(
          1, ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "1000000"])
        await manager.waits(for: "STATUS=waiting for a scorer")
        #expect(!manager.lines.contains("READY=1"))
        #expect(!manager.lines.contains("WATCHDOG=1"))
        let scorers = try Manager("\(fleet.folder.path)/scorer-notify")
        try await fleet.startScorer(1, ["NOTIFY_SOCKET": scorers.path, "WATCHDOG_USEC": "1000000"])
        await scorers.waits(for: "READY=1")
        await manager.waits(for: "READY=1")
        try await hub.match(Self.match).expectOK()
        await manager.waits(for: "STATUS=serves with 1 scorer")
        await scorers.waits(for: "STATUS=answers matches")
        await manager.waits(for: "WATCHDOG=1", 2)
        await scorers.waits(for: "WATCHDOG=1", 2)
        for (name, manager) in [("gateway-1", manager), ("scorer-1", scorers)] {
          let process = try fleet.process(name)
          process.terminate(signal: SIGTERM)
          #expect(await process.waitForExit() == 0)
          #expect(manager.lines.contains("STOPPING=1"))
        }
      }
    }

    @Test("A gateway whose socket is kept is restarted, and no connection is refused")
    func handedSocket() async throws {
      try await OwnFleet.with { fleet in
        let port = try FreePort.choose()
        try await fleet.startScorer()
        let hub = try await fleet.startGateway(
          1, [:],
          OwnFleet.Launch(
            by: ["/usr/bin/python3", "\(PythonRun.root)/Tests/Python/hand_over.py", "\(port)"],
            port: port))
        try await hub.waitForHealth("ok", scorers: 1)
        let keeper = try fleet.process("gateway-1")
        let first = try #require(family(of: keeper.pid).dropFirst().first)
        let load = Load()
        try await withThrowingTaskGroup { group in
          for _ in 0..<4 {
            group.addTask {
              while !load.isOver.withLock({ $0 }) {
                // Each by a connection of its own.
                let status = try await Self.matchByItself(port)
                load.answers.withLock { $0.append(status) }
              }
            }
          }
          kill(first, SIGTERM)
          await eventually("another gateway answers") {
            let gateway = family(of: keeper.pid).dropFirst().first
            let health = try? await hub.health().json
            return gateway != nil && gateway != first && load.answers.withLock { $0.count } > 200
              && health?["scorers"]?.int == 1
          }
          load.isOver.withLock { $0 = true }
          try await group.waitForAll()
        }
        #expect(load.answers.withLock { Set($0) } == ["HTTP/1.1 200 OK"])
      }
    }

    private final class Load: Sendable {
      let answers = Mutex<[String]>([])
      let isOver = Mutex(false)
    }

    /// - Returns: the answer's first line.
    private static func matchByItself(_ port: Int) async throws -> String {
      let answer = try await RawHTTP(url: "http://127.0.0.1:\(port)").exchange(
        "POST /v1/match HTTP/1.1\r\nHost: hub\r\nX-PoolHub-Key: \(OwnFleet.coordinatorSecret)\r\n"
          + "Content-Type: application/json\r\nContent-Length: \(match.count)\r\n"
          + "Connection: close\r\n\r\n\(String(decoding: match, as: UTF8.self))")
      return String(answer.prefix { !$0.isNewline })
    }

    @Test(
      "A reload takes secrets, allowlists and the log's level; a bad one changes nothing and is told"
    )
    func reload() async throws {
      try await OwnFleet.with { fleet in
        let secrets = try Credentials(fleet)
        let manager = try Manager("\(fleet.folder.path)/gateway-notify")
        try secrets.write("new-coordinator-secret", "new-operator-secret-1")
        try secrets.set("POOLHUB_LOG_LEVEL=info\n")
        try await fleet.startScorer()
        var hub = try await fleet.startGateway(
          1, ["NOTIFY_SOCKET": manager.path].merging(secrets.environment) { $1 }, secrets.launch)
        await manager.waits(for: "READY=1")
        hub.coordinatorSecret = "new-coordinator-secret"
        hub.adminSecret = "new-operator-secret-1"
        try await hub.match(Self.match).expectOK()
        // A miner that is connected stays so.
        let miner = try await LiveMiner.register("m", capability: "c", at: hub).connect()
        try await miner.beat(1)

        try secrets.refresh("newer-coordinator-secret", "newer-operator-secret")
        try secrets.set(
          "POOLHUB_LOG_LEVEL=debug\nPOOLHUB_METRICS_ALLOW=10.0.0.0/8\nPOOLHUB_HEDGE_MS=7\n")
        let gateway = try fleet.process("gateway-1")
        gateway.terminate(signal: SIGHUP)
        await manager.waits(for: "RELOADING=1")
        await manager.waits(for: "READY=1", 2)
        #expect(manager.lines.contains { $0.hasPrefix("MONOTONIC_USEC=") })
        #expect(
          manager.lines.contains {
            $0.hasPrefix("STATUS=") && $0.contains("reloaded: new POOLHUB_ADMIN_SECRET")
              && $0.contains("POOLHUB_HEDGE_MS takes a restart")
          })
        #expect(try await hub.match(Self.match).status == 401)
        #expect(try await hub.request("GET", "/metrics").status == 403)
        hub.coordinatorSecret = "newer-coordinator-secret"
        try await hub.match(Self.match).expectOK()
        #expect(try await hub.miners().status == 401)
        hub.adminSecret = "newer-operator-secret"
        try await hub.miners().expectOK()
        try await miner.beat(2)

        // One bad value among good ones: none of them is taken.
        try secrets.refresh("newest-coordinator-secret", "short")
        try secrets.set("POOLHUB_LOG_LEVEL=debug\n")
        gateway.terminate(signal: SIGHUP)
        await manager.waits(for: "READY=1", 3)
        #expect(
          manager.lines.contains {
            $0.contains("the last reload was refused and changed nothing: POOLHUB_ADMIN_SECRET")
          })
        try await hub.match(Self.match).expectOK()
        try await hub.miners().expectOK()
        #expect(try await hub.request("GET", "/metrics").status == 403)
        try await miner.beat(3)
        #expect(fleet.log("gateway-1").contains("not reloaded, everything stays as it was"))
        #expect(!fleet.log("gateway-1").contains("newer-"))
      }
    }

    @Test("A scorer's reload ranks by the new weights at once; bad ones change nothing")
    func weights() async throws {
      try await OwnFleet.with { fleet in
        let settings = "\(fleet.folder.path)/scorer.env"
        func set(_ weights: String) throws {
          try "POOLHUB_DEFAULT_WEIGHTS=\(weights)\n"
            .write(toFile: settings, atomically: true, encoding: .utf8)
        }
        let manager = try Manager("\(fleet.folder.path)/scorer-notify")
        try set("cap:0,price:0,latency:0,trust:0,load:1")
        let hub = try await fleet.startGateway()
        try await fleet.startScorer(
          1, ["NOTIFY_SOCKET": manager.path, "POOLHUB_LEASE_TTL_SEC": "60"],
          OwnFleet.Launch(arguments: ["--settings", settings]))
        try await hub.waitForHealth("ok", scorers: 1)
        for (id, queue, latency) in [("idle", 0, 90), ("quick", 5, 10)] {
          let miner = try await LiveMiner.register(id, capability: "c", at: hub)
          try await miner.heartbeat(["queue_len": .int(queue), "avg_latency_ms": .int(latency)])
            .expectOK()
        }
        func best() async throws -> String? {
          try await hub.match(Self.match).json?["candidates"]?.array?.first?["miner_id"]?.string
        }
        await eventually("the idle one is best") { (try? await best()) == "idle" }
        try set("cap:0,price:0,latency:1,trust:0,load:0")
        let scorer = try fleet.process("scorer-1")
        scorer.terminate(signal: SIGHUP)
        await manager.waits(for: "READY=1", 2)
        await eventually("the quick one is best") { (try? await best()) == "quick" }
        try set("price:-1")
        scorer.terminate(signal: SIGHUP)
        await manager.waits(for: "READY=1", 3)
        #expect(
          manager.lines.contains {
            $0.contains("the last reload was refused and changed nothing: POOLHUB_DEFAULT_WEIGHTS")
          })
        #expect(try await best() == "quick")
      }
    }
  }
}

/// Secrets as systemd hands them over, and as a reload brings them anew; and a file of settings.
private struct Credentials {
  let folder: String
  private let signingKey = "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

  init(_ fleet: OwnFleet) throws { folder = fleet.folder.path }

  var environment: [String: String] {
    ["CREDENTIALS_DIRECTORY": "\(folder)/credentials", "RUNTIME_DIRECTORY": "\(folder)/run"]
  }

  var launch: OwnFleet.Launch {
    OwnFleet.Launch(
      without: [
        "POOLHUB_COORDINATOR_SECRETS", "POOLHUB_ADMIN_SECRET", "POOLHUB_SESSION_SIGNING_KEYS",
      ], arguments: ["--settings", "\(folder)/gateway.env"])
  }

  func set(_ text: String) throws {
    try text.write(toFile: "\(folder)/gateway.env", atomically: true, encoding: .utf8)
  }

  func write(_ coordinator: String, _ administrator: String) throws {
    try write(coordinator, administrator, to: "\(folder)/credentials")
  }

  func refresh(_ coordinator: String, _ administrator: String) throws {
    try write(coordinator, administrator, to: "\(folder)/run/credentials")
  }

  private func write(_ coordinator: String, _ administrator: String, to directory: String) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for (name, text) in [
      ("poolhub-coordinator-secrets", "tests:\(coordinator)"),
      ("poolhub-admin-secret", administrator),
      ("poolhub-session-signing-keys", signingKey),
    ] {
      try "\(text)\n".write(toFile: "\(directory)/\(name)", atomically: true, encoding: .utf8)
    }
  }
}
