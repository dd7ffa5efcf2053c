import Foundation
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses.Contract {
  @Suite("Updates and heartbeats") struct Updates {
    @Test("An update's every field shows")
    func everything() async throws {
      let corner = try Corner("upd-all")
      let miner = try await corner.register("1")
      let answer = try await miner.update(
        #"""
        "queue_len": 3, "busy": true, "status": "draining", "price_token_per_ksec": "0.125",
        "avg_latency_ms": 12.75, "temp_c": 61.7, "mem_free_gb": 7.3, "tags": {"a": 1},
        "capabilities": ["x", "y"], "max_parallel": 6
        """#)
      answer.expectOK()
      #expect(answer.json?["status"]?.string == "updated")
      #expect(answer.json?["lease_ttl_sec"]?.double == 60)
      #expect(answer.json?["next_heartbeat_sec"]?.double == 20)
      let expected = #"""
        {"queue_len": 3, "busy": true, "status": "draining", "price_token_per_ksec": 0.125,
        "avg_latency_ms": 12.75, "temp_c": 61.7, "mem_free_gb": 7.3, "tags": ["a:1"],
        "capabilities": ["x", "y"], "max_parallel": 6, "online": true}
        """#
      expectMembers(of: try JSONValue.parse(Array(expected.utf8)), in: try await miner.status())
    }

    @Test("What an update leaves out keeps its value, but busy and status fall back")
    func leftOut() async throws {
      let corner = try Corner("upd-keep")
      let miner = try await corner.register("1", #""price_token_per_ksec": 2, "tags": ["t"]"#)
      try await miner.update(
        #"""
        "queue_len": 3, "busy": true, "status": "maintenance", "avg_latency_ms": 40, "temp_c": 55.5,
        "mem_free_gb": 8, "max_parallel": 9
        """#
      ).expectOK()
      let before = try await miner.status()
      try await miner.update("").expectOK()
      let after = try await miner.status()
      #expect(before["busy"] == .bool(true) && before["status"]?.string == "maintenance")
      #expect(after["busy"] == .bool(false) && after["status"]?.string == "active")
      let changing = ["busy", "status", "last_seen_at", "lease_expires_at"]
      for member in before.object?.members ?? [] where !changing.contains(member.name) {
        #expect(after[member.name] == member.value, "\(member.name)")
      }
      // One at a time.
      try await miner.update(#""queue_len": 1"#).expectOK()
      #expect(try await miner.status()["avg_latency_ms"]?.double == 40)
      #expect(try await miner.status()["queue_len"]?.int == 1)
    }

    @Test(
      "current_jobs stands in for queue_len",
      arguments: [
        (#""current_jobs": 4"#, 4), (#""current_jobs": ["a", "b", "c"]"#, 3),
        (#""current_jobs": []"#, 0), (#""current_jobs": 4, "queue_len": 2"#, 2),
        (#""current_jobs": ["a"], "queue_len": 0"#, 0),
        (#""current_jobs": 4, "queue_len": null"#, 4), (#""queue_len": 3.0"#, 3),
        (#""queue_len": 3e2"#, 300),
      ])
    func currentJobs(_ fields: String, _ count: Int) async throws {
      let corner = try Corner("upd-jobs")
      let miner = try await corner.register("1")
      try await miner.update(#""queue_len": 9"#).expectOK()
      try await miner.update(fields).expectOK()
      #expect(try await miner.status()["queue_len"]?.int == count)
      try await miner.update(#""queue_len": 9"#).expectOK()
      try await miner.beat(fields).expectOK()
      #expect(try await miner.status()["queue_len"]?.int == count)
    }

    @Test("Today's heartbeat shows, and leaves the profile alone")
    func heartbeat() async throws {
      let corner = try Corner("beat-new")
      let miner = try await corner.register("1", #""price_token_per_ksec": 2, "max_parallel": 5"#)
      let answer = try await miner.beat(
        #"""
        "ts": "2030-01-01T00:00:00Z", "seq": 7, "queue_len": 2, "busy": true, "avg_latency_ms": 0.1,
        "temp_c": 70.1, "mem_free_gb": 3.3, "price_token_per_ksec": 9, "max_parallel": 50,
        "capabilities": ["z"], "tags": ["z"]
        """#)
      answer.expectOK()
      #expect(answer.json?["success"] == .bool(true))
      #expect(answer.json?["commands"] == .array([]))
      let expected = #"""
        {"queue_len": 2, "busy": true, "avg_latency_ms": 0.1, "temp_c": 70.1, "mem_free_gb": 3.3,
        "price_token_per_ksec": 2, "max_parallel": 5, "capabilities": [], "tags": []}
        """#
      expectMembers(of: try JSONValue.parse(Array(expected.utf8)), in: try await miner.status())
    }

    @Test("The older heartbeat shows")
    func olderHeartbeat() async throws {
      let corner = try Corner("beat-old")
      let miner = try await corner.register("1")
      try await miner.beat(
        #"""
        "status": "maintenance", "current_jobs": 2, "gpu_utilization": 87.5, "memory_used": 1024,
        "memory_total": 3072, "network_latency_ms": 33.5
        """#
      ).expectOK()
      let status = try await miner.status()
      #expect(status["status"]?.string == "maintenance")
      #expect(status["queue_len"]?.int == 2)
      #expect(status["gpu_utilization"]?.double == 87.5)
      #expect(status["avg_latency_ms"]?.double == 33.5)
      // 2,048 MiB in GB.
      #expect(isClose(status["mem_free_gb"]?.double, 2.147_483_648, within: 1e-6))
    }
  }

  @Suite("Status and leases") struct Statuses {
    @Test("Times are RFC 3339 in UTC with milliseconds, and the lease runs from the last sign")
    func times() async throws {
      let corner = try Corner("st-time")
      let start = Date()
      let miner = try await corner.register("1")
      let status = try await miner.status()
      let pattern = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/
      for field in ["last_seen_at", "lease_expires_at", "created_at"] {
        let text = try #require(status[field]?.string)
        #expect(text.wholeMatch(of: pattern) != nil, "\(field) is \(text)")
      }
      let seen = try #require(time(status["last_seen_at"]))
      let expires = try #require(time(status["lease_expires_at"]))
      #expect(seen >= start.addingTimeInterval(-0.002) && seen <= Date())
      #expect(isClose(expires.timeIntervalSince(seen), 60, within: 0.001))
      #expect(status["last_seen_at"] == status["created_at"])
    }

    @Test("Every sign of life renews the lease", arguments: ["update", "beat", "GET", "POST"])
    func renewal(_ sign: String) async throws {
      let corner = try Corner("st-renew")
      let miner = try await corner.register("1")
      let before = try #require(time(try await miner.status()["lease_expires_at"]))
      switch sign {
      case "update": try await miner.update("").expectOK()
      case "beat": try await miner.beat(#""queue_len": 0"#).expectOK()
      default:
        try await corner.client.request(sign, "/v1/miners/lease/renew", bearer: miner.token)
          .expectOK()
      }
      let after = try #require(time(try await miner.status()["lease_expires_at"]))
      #expect(after > before)
    }

    @Test("A renewal changes nothing but the lease")
    func renewalOnly() async throws {
      let corner = try Corner("st-renew-only")
      let miner = try await corner.register("1")
      try await miner.update(#""queue_len": 2, "busy": true, "status": "draining""#).expectOK()
      let before = try await miner.status()
      try await corner.client.renewLease(token: miner.token).expectOK()
      let after = try await miner.status()
      for member in before.object?.members ?? []
      where !["last_seen_at", "lease_expires_at"].contains(member.name) {
        #expect(after[member.name] == member.value, "\(member.name)")
      }
    }

    @Test("Trust shows with the evidence that it rests on")
    func trust() async throws {
      let corner = try Corner("st-trust")
      let miner = try await corner.register("1")
      #expect(try await miner.status()["trust_evidence"]?["good"]?.double == 0)
      try await corner.feedback("1", job: "a", "completed").expectOK()
      try await corner.feedback("1", job: "b", "rejected").expectOK()
      let status = try await miner.status()
      #expect(isClose(status["trust_score"]?.double, 3 / 5.25, within: 1e-5))
      #expect(isClose(status["trust_evidence"]?["good"]?.double, 1, within: 1e-5))
      #expect(isClose(status["trust_evidence"]?["bad"]?.double, 0.25, within: 1e-5))
    }

    @Test("A logout takes the miner offline at once")
    func logout() async throws {
      let corner = try Corner("st-out")
      let miner = try await corner.register("1")
      try await corner.register("2")
      #expect(try await corner.found() == ["1", "2"])
      let answer = try await corner.client.logout(token: miner.token)
      answer.expectOK()
      #expect(answer.json?["miner_id"]?.string == miner.id)
      #expect(try await corner.found() == ["2"])
      let status = try #require(try await corner.client.status(token: miner.apiKey).json)
      #expect(status["online"] == .bool(false))
      #expect(status["lease_expires_at"] == status["last_seen_at"])
      // Its next sign of life brings it back.
      try await corner.client.renewLease(token: miner.apiKey).expectOK()
      #expect(try await corner.found() == ["1", "2"])
    }

    private func time(_ value: JSONValue?) -> Date? {
      let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
      return value?.string.flatMap { try? style.parse($0) }
    }
  }
}
