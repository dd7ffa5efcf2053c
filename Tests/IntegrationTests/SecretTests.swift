import Fleet
import Foundation
import Glibc
import Messaging
import Simulation
import TestSupport
import Testing

/// Recognisable secrets, and where one of them was seen.
private struct Secrets {
  var needles: [String: String] = [:]
  private(set) var findings: [String] = []

  mutating func plant(_ what: String, _ secret: String) -> String {
    needles[what] = secret
    return secret
  }

  mutating func look(through text: String, of place: String) {
    for (what, secret) in needles where text.contains(secret) {
      findings.append("\(what) is in \(place)")
    }
  }
}

extension RunningProcesses {
  @Suite("Secrets") struct SecretScan {
    private static let signingKey = Data("planted-signing-key-of-32-bytes!".utf8)

    @Test("Planted in every place, they are found in no log, metric, error or process list")
    func fleet() async throws {
      var secrets = Secrets()
      let settings = try Self.settings(&secrets)
      try await RunningHub.with(scorers: 1, set: settings) { hub in
        let client = try hub.client()
        let key = secrets.plant("an API key", "planted-api-key-0123456789")
        let answer = try await client.request(
          "POST", "/v1/miners/register", text: #"{"miner_id": "m", "api_key": "\#(key)"}"#)
        answer.expectOK()
        secrets.look(through: answer.text, of: "the answer to a registration")
        let token = secrets.plant(
          "a session token", try #require(answer.json?["session_token"]?.string))
        try await drive(client, key: key, token: token, &secrets)
        try scanProcesses(of: hub, &secrets)
        try await breakStores(of: hub, client, key: key, &secrets)
        // Whoever reads the pages and metrics sees none either.
        for path in ["/metrics", "/v1/health", "/v1/pool", "/openapi.yaml", "/"] {
          secrets.look(through: try await client.request("GET", path).text, of: path)
        }
        try scanLogs(of: hub, &secrets)
      }
      #expect(secrets.findings == [])
    }

    /// What a hub is told that nobody else should hear.
    private static func settings(_ secrets: inout Secrets) throws -> [String: String] {
      let pair = try CurveKeyPair.generate()
      let encoded = signingKey.base64EncodedString()
      secrets.needles["a signing key's bytes"] = String(decoding: signingKey, as: UTF8.self)
      return [
        "POOLHUB_LOG_LEVEL": "trace",
        "POOLHUB_COORDINATOR_SECRETS":
          "main:\(secrets.plant("a coordinator's secret", "planted-coordinator-0123456789"))",
        "POOLHUB_ADMIN_SECRET":
          secrets.plant("the operator's secret", "planted-operator-0123456789"),
        "POOLHUB_SESSION_SIGNING_KEYS": "k1:\(secrets.plant("a signing key", encoded))",
        "POOLHUB_CURVE_SECRET_KEY": secrets.plant("a CURVE key", pair.secretKey.text),
        "POOLHUB_CURVE_SCORER_KEYS": pair.publicKey.text,
        "POOLHUB_CURVE_GATEWAY_KEYS": pair.publicKey.text,
      ]
    }

    /// Presents good and bad secrets in every place where one may stand, well and badly.
    private func drive(
      _ client: HubClient, key: String, token: String, _ secrets: inout Secrets
    ) async throws {
      let wrong = secrets.plant("a wrong bearer", "planted-wrong-bearer-0123456789")
      let forged = secrets.plant("a forged token", "pht1.k1.planted-forged-token.AAAA")
      let coordinator = client.coordinatorSecret ?? ""
      let bearers = [nil, key, token, wrong, forged, coordinator, client.adminSecret]
      let bodies = [
        nil, "{", #"{"api_key": "\#(key)", "session_token": "\#(token)", "miner_id": 1}"#,
        #"{"session_token": "\#(token)", "queue_len": "\#(wrong)"}"#,
        #"["\#(coordinator)", "\#(key)""#,
      ]
      for path in ContractPath.all + ContractPath.further {
        for (place, bearer) in bearers.enumerated() {
          let body = bodies[place % bodies.count]
          let answer = try await client.request(
            path.method,
            path.path.replacing("MINER", with: "m") + "?session_token=\(forged)&api_key=\(key)",
            bearer: bearer, headers: [("X-PoolHub-Key", place % 2 == 0 ? wrong : coordinator)],
            body: body.map { Array($0.utf8) })
          // Whoever shows an old token may get a new one.
          secrets.look(through: answer.text, of: "the answer to \(path)")
          for (name, value) in answer.headers {
            secrets.look(through: value, of: "\(name) of the answer to \(path)")
          }
        }
      }
      for query in ["?session_token=\(token)", "?session_token=\(forged)"] {
        let socket = try? await WebSocketClient.connect(
          url: client.baseURL + "/v1/miners/heartbeat" + query)
        await socket?.close()
      }
      let raw = RawHTTP(url: client.baseURL)
      let broken = try await raw.exchange(
        "GET /v1/live HTTP/1.1\r\nAuthorization: Bearer \(token)\r\nbroken \(key)\r\n\r\n")
      secrets.look(through: broken, of: "the answer to what isn't HTTP")
    }

    /// Errors of the stores and of the link to the scorer, with requests that run into them.
    private func breakStores(
      of hub: RunningHub, _ client: HubClient, key: String, _ secrets: inout Secrets
    ) async throws {
      for process in ["scorer-1", "redis", "postgres"] {
        try hub.signal(process, SIGKILL)
        for path in ContractPath.all where path.body != nil {
          let body = path.body?.replacing("key-of-MINER-0123456789", with: key)
          let answer = try await client.request(
            path.method, path.path.replacing("MINER", with: "m"),
            bearer: path.reach == .miner ? key : client.coordinatorSecret,
            text: (body ?? "").replacing("MINER", with: "m"))
          secrets.look(through: answer.text, of: "an answer without \(process)")
        }
      }
      try await eventually("it is well again", within: .seconds(60)) {
        try await client.health().json?["status"]?.string == "ok"
      }
    }

    /// Every log but dev's own, whose greeting tells a developer the secrets.
    private func scanLogs(of hub: RunningHub, _ secrets: inout Secrets) throws {
      let files = FileManager.default.enumerator(atPath: hub.directory)?.compactMap {
        $0 as? String
      }
      let logs = (files ?? []).filter { $0.hasSuffix(".log") && $0 != "dev.log" }
      #expect(logs.count >= 3, "\(logs)")
      for name in logs {
        let bytes = try Data(contentsOf: URL(filePath: "\(hub.directory)/\(name)"))
        let log = String(decoding: bytes, as: UTF8.self)
        #expect(!name.contains("gateway") || log.contains(" DEBUG ") || log.contains(" TRACE "))
        secrets.look(through: log, of: "the log \(name)")
      }
    }

    /// What `ps` shows of each process, and of the stores their environment too. `dev` itself is left out:
    /// the test gave it the secrets as arguments.
    private func scanProcesses(of hub: RunningHub, _ secrets: inout Secrets) throws {
      let processes = try #require(try hub.state()).processes
      #expect(processes.count >= 4, "\(processes)")
      for process in processes {
        let isStore = ["redis", "postgres"].contains(process.name)
        for file in isStore ? ["cmdline", "environ"] : ["cmdline"] {
          let bytes = try Data(contentsOf: URL(filePath: "/proc/\(process.pid)/\(file)"))
          secrets.look(
            through: String(decoding: bytes, as: UTF8.self), of: "\(file) of \(process.name)")
        }
      }
    }

    @Test(
      "Passwords in the stores' addresses are in no output, though nothing can be reached",
      arguments: zip(
        ["poolhub-gateway", "poolhub-scorer"],
        [
          ("postgresql://poolhub:planted-db-password@127.0.0.1:1/poolhub", "redis://"),
          ("host=127.0.0.1 port=1 user=poolhub password=planted-db-password", "redis://user"),
        ]))
    func passwords(program: String, addresses: (database: String, redis: String)) async throws {
      let port = try FreePort.choose()
      let environment = [
        "POOLHUB_LOG_LEVEL": "trace", "POOLHUB_DB_DSN": addresses.database,
        "POOLHUB_REDIS_URL": "\(addresses.redis):planted-redis-password@127.0.0.1:1/0",
        "POOLHUB_COORDINATOR_SECRETS": "main:planted-coordinator-0123456789",
        "POOLHUB_ADMIN_SECRET": "planted-operator-0123456789", "POOLHUB_PORT": "\(port)",
        "POOLHUB_SESSION_SIGNING_KEYS": "k1:\(Self.signingKey.base64EncodedString())",
        "POOLHUB_SCORER_BIND": "tcp://127.0.0.1:\(try FreePort.choose())",
      ]
      async let run = ProgramRun.run(program, environment: environment, limit: .seconds(5))
      var seen = ""
      if program == "poolhub-gateway" {
        let client = HubClient(url: "http://127.0.0.1:\(port)")
        await eventually("the gateway says what it misses", within: .seconds(5)) {
          let health = try? await client.health()
          seen = health?.text ?? ""
          return health?.json?["db_error"]?.string != nil
        }
        seen += (try? await client.request("GET", "/metrics").text) ?? ""
      }
      let output = try await run.output + seen
      #expect(!output.contains("planted"), "\(output)")
      #expect(!output.contains(Self.signingKey.base64EncodedString()))
      #expect(output.contains(" DEBUG "))
    }
  }
}
