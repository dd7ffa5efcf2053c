import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("Where callers come from") struct Addresses {
    private static let strangers = ("X-Forwarded-For", "203.0.113.9")
    private static let friends = ("X-Forwarded-For", "198.51.100.7")

    @Test("Coordinators', operators' and metrics' paths are open to their addresses alone")
    func allowed() async throws {
      try await OwnFleet.with { fleet in
        try await fleet.startScorer()
        let client = try await fleet.startGateway(
          1,
          [
            "POOLHUB_COORDINATOR_ALLOW": "198.51.100.0/24,2001:db8::/32",
            "POOLHUB_OPERATOR_ALLOW": "198.51.100.0/24", "POOLHUB_METRICS_ALLOW": "198.51.100.7",
            "POOLHUB_TRUSTED_PROXIES": "127.0.0.0/8", "POOLHUB_LEASE_TTL_SEC": "60",
          ])
        await eventually("a scorer is there") {
          (try? await client.request("GET", "/v1/health"))?.status == 200
        }
        let miner = try await LiveMiner.register("m", capability: "c", at: client)
        for path in ContractPath.all {
          func ask(_ header: (String, String)) async throws -> HubAnswer {
            try await path.ask(
              client, miner: "m", bearer: path.bearer(client, miner), headers: [header])
          }
          let isBound =
            path.reach == .coordinator || path.reach == .operators || path.path.hasSuffix("metrics")
          let stranger = try await ask(Self.strangers)
          if isBound { stranger.expectProblem(403, "forbidden") }
          #expect(isBound || stranger.status != 403, "\(path)")
          #expect(try await ask(Self.friends).status != 403, "\(path)")
        }
        // Forged on the left, told by the proxy on the right.
        for (value, status) in [
          ("198.51.100.7, 203.0.113.9", 403), ("203.0.113.9, 198.51.100.7", 200),
          ("203.0.113.9, [2001:db8::5]:80", 200), ("198.51.100.7, junk", 403),
        ] {
          let answer = try await client.request(
            "POST", "/v1/match", bearer: client.coordinatorSecret,
            headers: [("X-Forwarded-For", value)], text: #"{"job_id": "j"}"#)
          #expect(answer.status == status, "\(value)")
        }
        // A header that the proxies don't write is the client's own.
        let forged = try await client.request(
          "GET", "/metrics", headers: [("Forwarded", "for=198.51.100.7")])
        #expect(forged.status == 403)
      }
    }

    /// A path is read as it was sent, several slashes as one: no other spelling gets past a list.
    @Test("No spelling of a path gets a stranger where its address may not go")
    func spellings() async throws {
      try await OwnFleet.with { fleet in
        try await fleet.startScorer()
        let client = try await fleet.startGateway(
          1,
          [
            "POOLHUB_COORDINATOR_ALLOW": "198.51.100.7", "POOLHUB_OPERATOR_ALLOW": "198.51.100.7",
            "POOLHUB_METRICS_ALLOW": "198.51.100.7",
          ])
        let raw = RawHTTP(url: client.baseURL)
        for path in ContractPath.all {
          let isBound =
            path.reach == .coordinator || path.reach == .operators || path.path.hasSuffix("metrics")
          guard isBound, path.method == "GET" || path.method == "POST" else { continue }
          let secret = path.reach == .coordinator ? client.coordinatorSecret : client.adminSecret
          for spelling in Self.spellings(of: path.path.replacing("MINER", with: "m")) {
            let answer = try await raw.exchange(
              "\(path.method) \(spelling) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                + "Authorization: Bearer \(secret ?? "")\r\n"
                + "Content-Length: 2\r\n\r\n{}")
            let isRefused = [400, 403, 404].contains { answer.hasPrefix("HTTP/1.1 \($0) ") }
            #expect(isRefused, "\(path) as \(spelling): \(answer)")
          }
        }
      }
    }

    private static func spellings(of path: String) -> [String] {
      let rest = String(path.dropFirst())
      let letter =
        rest.first.map { "%" + String($0.asciiValue!, radix: 16) + rest.dropFirst() } ?? ""
      return [
        path, "/" + path, path + "/", path + "//", path.replacing("/", with: "//"), "/./" + rest,
        path.replacing("/", with: "/./"), "/x/.." + path, "/%2e" + path, "/x/%2E%2e" + path,
        "/%2f" + rest, "/%2F" + rest, "/" + rest.replacing("/", with: "%2F"), "/" + letter,
        path.uppercased(), path + "?", path + "#", path + "%00", path + ";x", "/\\" + rest,
        "http://x" + path, "http://x/" + path,
      ]
    }

    @Test("Nobody's word counts where no proxy is trusted")
    func untrusted() async throws {
      try await OwnFleet.with { fleet in
        try await fleet.startScorer(1, ["POOLHUB_GATEWAYS": "\(fleet.link(1)),\(fleet.link(2))"])
        let client = try await fleet.startGateway(1, ["POOLHUB_METRICS_ALLOW": "198.51.100.7"])
        #expect(try await client.request("GET", "/metrics", headers: [Self.friends]).status == 403)
        let own = try await fleet.startGateway(2, ["POOLHUB_METRICS_ALLOW": "127.0.0.1"])
        #expect(try await own.request("GET", "/metrics", headers: [Self.strangers]).status == 200)
      }
    }

    @Test("A balancer's PROXY header says who is calling, and must be there")
    func proxyHeader() async throws {
      try await OwnFleet.with { fleet in
        try await fleet.startScorer()
        // From ::1 it is asked plainly, from 127.0.0.1 by a balancer.
        let client = try await fleet.startGateway(
          1, host: "::1",
          [
            "POOLHUB_BIND": "::", "POOLHUB_METRICS_ALLOW": "198.51.100.7",
            "POOLHUB_TRUSTED_PROXIES": "127.0.0.1", "POOLHUB_PROXY_PROTOCOL": "on",
          ])
        #expect(try await client.request("GET", "/metrics").status == 403)
        let raw = RawHTTP(url: client.baseURL)
        let get = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        let friend = try await raw.exchange("PROXY TCP4 198.51.100.7 127.0.0.1 1 2\r\n" + get)
        #expect(friend.hasPrefix("HTTP/1.1 200 "))
        let stranger = try await raw.exchange("PROXY TCP4 203.0.113.9 127.0.0.1 1 2\r\n" + get)
        #expect(stranger.hasPrefix("HTTP/1.1 403 "))
        let unknown = try await raw.exchange("PROXY UNKNOWN\r\n" + get)
        #expect(unknown.hasPrefix("HTTP/1.1 403 "))
        let binary: [UInt8] =
          [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10, 0x21, 0x11, 0, 12]
          + [198, 51, 100, 7, 127, 0, 0, 1, 0, 1, 0, 2]
        #expect(try await raw.exchange(binary + Array(get.utf8)).hasPrefix("HTTP/1.1 200 "))
        // What a balancer forwards is the client's: it may not say of itself whose it is.
        let twice = try await raw.exchange(
          "PROXY TCP4 203.0.113.9 127.0.0.1 1 2\r\nPROXY TCP4 198.51.100.7 127.0.0.1 1 2\r\n" + get)
        #expect(twice.hasPrefix("HTTP/1.1 400 "))
        #expect(try await raw.exchange(get) == "")
      }
    }
  }
}
