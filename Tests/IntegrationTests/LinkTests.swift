import Fleet
import Foundation
import Glibc
import JSON
import Messaging
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("Beyond one host") struct Links {
    @Test("With keys on both sides a scorer joins; an unknown key and a plain one get no answer")
    func curve() async throws {
      try await OwnFleet.with { fleet in
        let gatewayKey = try await Self.makeKey("gateway", in: fleet)
        let scorerKey = try await Self.makeKey("scorer", in: fleet)
        let strangerKey = try await Self.makeKey("stranger", in: fleet)
        let link = "tcp://[::1]:\(try FreePort.choose())"
        let client = try await fleet.startGateway(
          1, host: "::1",
          [
            "POOLHUB_SCORER_BIND": link, "POOLHUB_CURVE_SECRET_KEY": gatewayKey.secret,
            "POOLHUB_CURVE_SCORER_KEYS": "\(scorerKey.shown),\(gatewayKey.shown)",
          ])
        let keys = [
          "POOLHUB_GATEWAYS": link, "POOLHUB_CURVE_SECRET_KEY": scorerKey.secret,
          "POOLHUB_CURVE_GATEWAY_KEYS": gatewayKey.shown,
        ]
        try await fleet.startScorer(
          2, keys.merging(["POOLHUB_CURVE_SECRET_KEY": strangerKey.secret]) { $1 })
        try await fleet.startScorer(3, ["POOLHUB_GATEWAYS": link])
        try await eventually("both are turned away, more than once") {
          let keys = try await client.metric(Self.refused, "unknown_key")
          let handshakes = try await client.metric(Self.refused, "handshake")
          return keys >= 2 && handshakes >= 2
        }
        #expect(try await client.health().status == 503)
        try await fleet.startScorer(1, keys)
        try await client.waitForHealth("ok", scorers: 1)
        let miner = try await LiveMiner.register("far", capability: "far", at: client)
        #expect(try await client.online("far") == [miner.id])
        #expect(try await client.feedback(job: "far", miner: miner.id).status == 200)
        let socket = try await miner.connect()
        try await socket.beat(1)
        await socket.close()
        #expect(try await client.health().json?["scorers"]?.int == 1)
        let log = fleet.log("gateway-1")
        #expect(log.contains("not among those that may join"))
        #expect(log.contains("[::1]:"))
        #expect(!log.contains(gatewayKey.secret))
        for scorer in ["scorer-2", "scorer-3"] {
          #expect(!fleet.log(scorer).contains("welcomed"))
        }
        await eventually("the scorer says so, too") {
          fleet.log("scorer-2").contains("is the key right on both sides?")
        }
      }
    }

    @Test("`keys curve` makes pairs, hides the secret one in a file, and shows what belongs to it")
    func keys() async throws {
      let shown = try await ProgramRun.run("poolhub", ["keys", "curve"])
      #expect(shown.status == 0)
      let secret = try #require(shown.lines.first { $0.hasPrefix("POOLHUB_CURVE_SECRET_KEY=") })
      let key = try #require(CurveKey(String(secret.dropFirst("POOLHUB_CURVE_SECRET_KEY=".count))))
      #expect(shown.lines.contains(try CurveKeyPair(secretKey: key).publicKey.text))
      let again = try await ProgramRun.run(
        "poolhub", ["keys", "curve", "--secret-file", "kept"], files: ["kept": "another"])
      #expect(again.status != 0)
      #expect(again.output.contains("File exists"))
      let none = try await ProgramRun.run(
        "poolhub", ["keys", "curve", "--public-of", "short"], files: ["short": "0123"])
      #expect(none.status != 0)
    }

    @Test("Redis and PostgreSQL by IPv6, with passwords and TLS, their certificates checked")
    func stores() async throws {
      let folder = try TestFolder()
      let far = try await FarStores.start(in: folder.path)
      do {
        try await OwnFleet.with { fleet in
          let settings = ["POOLHUB_REDIS_URL": far.redisURL, "POOLHUB_DB_DSN": far.databaseDSN]
          let client = try await fleet.startGateway(1, settings)
          try await fleet.startScorer(1, settings)
          try await client.waitForHealth("ok", scorers: 1)
          let miner = try await LiveMiner.register("tls", capability: "tls", at: client)
          #expect(try await client.online("tls") == [miner.id])
          #expect(try await client.feedback(job: "tls", miner: miner.id).status == 200)
          // Without TLS at Redis it is the same, but for the certificate.
          let plain = try await fleet.startGateway(
            2, settings.merging(["POOLHUB_REDIS_URL": far.plainRedisURL]) { $1 })
          try await eventually("it reaches both stores") {
            let health = try await plain.health().json
            return health?["redis"]?.bool == true && health?["db"]?.bool == true
          }
          for (number, change) in far.wrong.enumerated() {
            let client = try await fleet.startGateway(3 + number, settings.merging(change) { $1 })
            let isRedis = change["POOLHUB_REDIS_URL"] != nil
            try await eventually("it reaches one of them") {
              let health = try await client.health().json
              return health?[isRedis ? "db" : "redis"]?.bool == true
                && health?[isRedis ? "redis_error" : "db_error"]?.string != "not asked yet"
            }
            let health = try await client.health()
            #expect(health.json?[isRedis ? "redis" : "db"]?.bool == false, "\(change)")
            #expect(
              !health.text.contains("hush") && !fleet.log("gateway-\(3 + number)").contains("hush"))
          }
        }
      } catch {
        await far.stop()
        folder.remove()
        throw error
      }
      await far.stop()
      folder.remove()
    }

    private static let refused = "poolhub_scorer_links_refused_total"

    private static func makeKey(
      _ name: String, in fleet: OwnFleet
    ) async throws -> (secret: String, shown: String) {
      let path = "\(fleet.folder.path)/\(name).key"
      let made = try await ProgramRun.run("poolhub", ["keys", "curve", "--secret-file", path])
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
      let secret = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(
        in: .whitespacesAndNewlines)
      #expect(!made.output.contains(secret))
      let shown = try await ProgramRun.run("poolhub", ["keys", "curve", "--public-of", path])
      #expect(made.lines.contains(shown.lines[0]))
      return (secret, shown.lines[0])
    }
  }
}
