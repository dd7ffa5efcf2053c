import JSON
import Simulation
import Testing

extension RunningProcesses.Contract {
  @Suite("Registering") struct Register {
    private static let everything = #"""
      "addr": "gpu-1.example:9000", "proto": "grpcs", "gpu_vram_gb": 24.5, "gpu_name": "RTX 4090",
      "gpu_count": 2, "cpu_cores": 32, "ram_gb": 128, "price_token_per_ksec": 0.25,
      "max_parallel": 4, "accel": ["CUDA", "Vulkan", "cuda"], "tags": ["Tier-1", "fast", "fast"],
      "capabilities": ["llama", "Whisper"], "wallet_address": "0xAbC", "chain_id": "ait-devnet"
      """#

    /// The same as the hub tells it again.
    private static let profile = #"""
      {"addr": "gpu-1.example:9000", "proto": "grpcs", "gpu_vram_gb": 24.5, "gpu_name": "RTX 4090",
      "gpu_count": 2, "cpu_cores": 32, "ram_gb": 128, "price_token_per_ksec": 0.25,
      "max_parallel": 4, "accel": ["cuda", "vulkan"], "tags": ["Tier-1", "fast"],
      "capabilities": ["llama", "Whisper"], "wallet_address": "0xAbC", "chain_id": "ait-devnet"}
      """#

    @Test("Only a name and a key are needed; everything else has a safe default")
    func minimal() async throws {
      let corner = try Corner("reg-min")
      let body = #"{"miner_id": "reg-min-1", "api_key": "0123456789abcdef"}"#
      let answer = try await corner.client.request("POST", "/v1/miners/register", text: body)
      answer.expectOK()
      let json = try #require(answer.json)
      #expect(json["success"] == .bool(true))
      #expect(json["status"]?.string == "registered")
      #expect(json["miner_id"]?.string == "reg-min-1")
      #expect(json["created"] == .bool(true))
      #expect(json["session_ttl_sec"]?.int == 3_600)
      #expect(json["lease_ttl_sec"]?.double == 60)
      #expect(json["next_heartbeat_sec"]?.double == 20)
      #expect(json["heartbeat_path"]?.string == "/v1/miners/heartbeat")
      let token = try #require(json["session_token"]?.string)
      let status = try #require(try await corner.client.status(token: token).json)
      let defaults = try JSONValue.parse(
        Array(
          #"""
          {"miner_id": "reg-min-1", "addr": "", "proto": "http", "region": "", "gpu_name": "",
          "gpu_count": 0, "gpu_vram_gb": 0, "ram_gb": 0, "cpu_cores": 0, "accel": [],
          "capabilities": [], "tags": [], "max_parallel": 1, "price_token_per_ksec": 0,
          "wallet_address": null, "chain_id": null, "online": true, "status": "active",
          "busy": false, "queue_len": 0, "avg_latency_ms": null, "temp_c": null,
          "mem_free_gb": null, "trust_score": 0.5, "services": []}
          """#.utf8))
      expectMembers(of: defaults, in: status)
    }

    @Test("Every field is kept and told again")
    func full() async throws {
      let corner = try Corner("reg-full")
      let miner = try await corner.register("1", Self.everything)
      expectMembers(of: try JSONValue.parse(Array(Self.profile.utf8)), in: try await miner.status())
      let candidate = try #require(try await corner.match().candidate(miner.id))
      #expect(candidate["addr"]?.string == "gpu-1.example:9000")
      #expect(candidate["proto"]?.string == "grpcs")
      #expect(candidate["region"]?.string == "reg-full")
      #expect(candidate["price"] == .number("0.25"))
    }

    @Test("Registering again answers created: false, and keeps what it leaves out or gives as null")
    func again() async throws {
      let corner = try Corner("reg-again")
      try await corner.register("1", Self.everything)
      let answer = try await corner.tryRegister(
        "1", #""gpu_count": 3, "tags": [], "addr": null, "ram_gb": null"#)
      answer.expectOK()
      #expect(answer.json?["created"] == .bool(false))
      let token = try #require(answer.json?["session_token"]?.string)
      let status = try #require(try await corner.client.status(token: token).json)
      #expect(status["gpu_count"]?.int == 3)
      #expect(status["tags"] == .array([]))
      for kept in ["addr", "ram_gb", "accel", "capabilities", "price_token_per_ksec", "chain_id"] {
        #expect(
          status[kept] == (try JSONValue.parse(Array(Self.profile.utf8)))[kept], "\(kept)")
      }
    }

    @Test("Another key is refused, and changes nothing")
    func wrongKey() async throws {
      let corner = try Corner("reg-wrong")
      let miner = try await corner.register("1", Self.everything)
      let before = try await miner.status()
      let answer = try await corner.tryRegister(
        "1", #""api_key": "another-key-0123456789", "price_token_per_ksec": 9, "region": "else""#)
      answer.expectProblem(403, "wrong_key")
      let after = try await miner.status()
      for field in ["price_token_per_ksec", "region", "last_seen_at", "lease_expires_at"] {
        #expect(after[field] == before[field], "\(field)")
      }
      // Nor is the other key one of this miner's now.
      try await corner.client.status(token: "another-key-0123456789")
        .expectProblem(401, "unauthorized")
    }

    @Test("A key belongs to one miner")
    func keyInUse() async throws {
      let corner = try Corner("reg-key")
      try await corner.register("1")
      let answer = try await corner.tryRegister("2", #""api_key": "\#(corner.apiKey("1"))""#)
      answer.expectProblem(409, "key_in_use")
      #expect(try await corner.listed().json?["miners"]?.array?.count == 1)
      try await corner.register("2")
    }

    @Test(
      "Both spellings of a field do the same",
      arguments: [
        (#""gpu_vram_gb": 12.5"#, "gpu_vram_gb", "12.5"),
        (#""gpu_vram": 12.5"#, "gpu_vram_gb", "12.5"),
        (#""price_token_per_ksec": 0.75"#, "price_token_per_ksec", "0.75"),
        (#""base_price": 0.75"#, "price_token_per_ksec", "0.75"),
        (#""price_token_per_ksec": "0.75""#, "price_token_per_ksec", "0.75"),
        (#""base_price": "0.75""#, "price_token_per_ksec", "0.75"),
        (#""tags": ["a:1", "b:x", "c:true"]"#, "tags", #"["a:1", "b:x", "c:true"]"#),
        (#""tags": {"a": 1, "b": "x", "c": true}"#, "tags", #"["a:1", "b:x", "c:true"]"#),
        (#""chain_id": "7""#, "chain_id", #""7""#),
        (#""chain_id": 7"#, "chain_id", #""7""#),
      ])
    func spellings(_ fields: String, _ name: String, _ value: String) async throws {
      let corner = try Corner("reg-spell")
      let miner = try await corner.register("\(UInt32.random(in: .min ... .max))", fields)
      #expect(try await miner.status()[name] == (try JSONValue.parse(Array(value.utf8))))
    }

    @Test("An older miner registers and speaks with its API key alone")
    func olderMiner() async throws {
      let corner = try Corner("reg-old")
      let answer = try await corner.tryRegister(
        "1",
        #"""
        "addr": "127.0.0.1:9000", "proto": "http", "gpu_vram": 24, "gpu_name": "RTX 3090",
        "cpu_cores": 16, "ram_gb": 64, "max_parallel": 2, "base_price": "0.40",
        "tags": {"tier": "gold", "nvlink": true}, "capabilities": ["llama"],
        "architecture": "ampere", "edge_optimized": null
        """#)
      answer.expectOK()
      let key = corner.apiKey("1")
      let beat = try await corner.client.heartbeat(
        Array(
          #"""
          {"status": "active", "current_jobs": 1, "gpu_utilization": 45.5, "memory_used": 4096,
          "memory_total": 24576, "network_latency_ms": 12.5}
          """#.utf8), token: key)
      beat.expectOK()
      #expect(beat.json?["success"] == .bool(true))
      #expect(beat.json?["miner_id"]?.string == "reg-old-1")
      #expect(beat.json?["commands"] == .array([]))
      let match = try await corner.match(#""tags_all": ["tier:gold", "nvlink:true"]"#)
      let candidate = try #require(match.candidate("reg-old-1"))
      #expect(candidate["price"] == .number("0.4"))
      #expect(candidate["eta_ms"]?.double == 25)
      #expect(candidate["breakdown"]?["load"]?.double == 0.5)
    }

    @Test("Registrations of one name at the same time: one claims it, the others change nothing")
    func concurrentClaims() async throws {
      let corner = try Corner("reg-race")
      let other = try corner.at(gateway: 1)
      let answers = try await withThrowingTaskGroup(of: (Int, HubAnswer).self) { group in
        for number in 0..<12 {
          group.addTask {
            let key = #""api_key": "racing-key-number-\#(number)", "gpu_count": \#(number)"#
            return (
              number, try await (number % 2 == 0 ? corner : other).tryRegister("1", key)
            )
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      let winners = answers.filter { $0.1.status == 200 }
      #expect(winners.count == 1)
      #expect(winners.first?.1.json?["created"] == .bool(true))
      for (_, answer) in answers where answer.status != 200 {
        answer.expectProblem(403, "wrong_key")
      }
      let token = try #require(winners.first?.1.json?["session_token"]?.string)
      let status = try await corner.client.status(token: token).json
      #expect(status?["gpu_count"]?.int == winners.first?.0)
    }

    @Test("Registrations of one miner at the same time all succeed, and one created it")
    func concurrentSame() async throws {
      let corner = try Corner("reg-same")
      let answers = try await withThrowingTaskGroup(of: HubAnswer.self) { group in
        for number in 1...12 {
          group.addTask { try await corner.tryRegister("1", #""gpu_count": \#(number)"#) }
        }
        return try await group.reduce(into: [HubAnswer]()) { $0.append($1) }
      }
      #expect(answers.allSatisfy { $0.status == 200 })
      #expect(answers.count { $0.json?["created"] == .bool(true) } == 1)
    }

    @Test("Unknown fields are ignored")
    func unknownFields() async throws {
      let corner = try Corner("reg-unknown")
      try await corner.tryRegister("1", #""colour": {"deep": [1, null]}, "": 1, "é": "x""#)
        .expectOK()
    }
  }
}

/// Checks that `value` has all members of `expected`.
func expectMembers(
  of expected: JSONValue, in value: JSONValue, sourceLocation: SourceLocation = #_sourceLocation
) {
  for member in expected.object?.members ?? [] {
    #expect(value[member.name] == member.value, "\(member.name)", sourceLocation: sourceLocation)
  }
}
