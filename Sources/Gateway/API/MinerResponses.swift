import Domain
import JSON

/// All that the hub holds of one miner, for the miner itself and for operators.
package struct MinerStatus: Sendable {
  package var record: MinerRecord
  package var trust: MinerTrust
  /// nil: it hasn't been heard of since it left the live registry.
  package var live: StatusPatch?
  package var createdAt: Timestamp

  package init(
    record: MinerRecord, trust: MinerTrust, live: StatusPatch?, createdAt: Timestamp
  ) {
    self.record = record
    self.trust = trust
    self.live = live
    self.createdAt = createdAt
  }

  package func isOnline(at now: Timestamp) -> Bool { live.map { now < $0.expiresAt } ?? false }

  package func write(to json: inout JSONWriter, at now: Timestamp) {
    json.object { json in
      writeProfile(to: &json, at: now)
      writeLive(to: &json, at: now)
      json.field("trust_score", trust.score)
      json.objectField("trust_evidence") { json in
        json.field("good", trust.good)
        json.field("bad", trust.bad)
      }
      json.arrayField("services") { json in
        for service in record.services { json.value(service.type) }
      }
      json.field("created_at", createdAt.rfc3339)
    }
  }

  private func writeProfile(to json: inout JSONWriter, at now: Timestamp) {
    let profile = record.profile
    json.field("miner_id", record.id.text)
    json.field("addr", profile.addr)
    json.field("proto", profile.proto.rawValue)
    json.field("region", profile.region)
    json.field("gpu_name", profile.gpuName)
    json.field("gpu_count", profile.gpuCount)
    json.field("gpu_vram_gb", profile.gpuVRAMGB)
    json.field("ram_gb", profile.ramGB)
    json.field("cpu_cores", profile.cpuCores)
    json.field("accel", profile.accel)
    json.field("capabilities", profile.capabilities)
    json.field("tags", profile.tags)
    json.field("max_parallel", profile.maxParallel)
    json.field("price_token_per_ksec", number: profile.price.description)
    json.field("wallet_address", profile.walletAddress)
    json.field("chain_id", profile.chainID)
    guard let override = record.priceOverride, override.isInForce(at: now) else { return }
    json.objectField("price_override") { json in
      json.field("price", number: override.price.description)
      json.field("reason", override.reason)
      json.field("expires_at", override.expiresAt?.rfc3339)
    }
  }

  private func writeLive(to json: inout JSONWriter, at now: Timestamp) {
    json.field("online", isOnline(at: now))
    json.field("last_seen_at", live?.at.rfc3339)
    json.field("lease_expires_at", live?.expiresAt.rfc3339)
    json.field("status", (live?.state ?? .active).rawValue)
    json.field("busy", live?.busy ?? false)
    json.field("queue_len", live?.queueLength ?? 0)
    json.field("avg_latency_ms", live?.avgLatencyMilliseconds)
    json.field("temp_c", live?.temperatureCelsius.flatMap(Self.asSaid))
    json.field("mem_free_gb", live?.memFreeGB.flatMap(Self.asSaid))
    json.field("gpu_utilization", live?.gpuUtilization.flatMap(Self.asSaid))
  }

  /// By the shortest digits that tell `value` from other floats: what was said as 61.3 is no
  /// 61.29999923706055.
  private static func asSaid(_ value: Float) -> Double? { Double(value.description) }
}

/// The short answers of the miners' paths.
package enum MinerAnswer {
  package static func registered(
    id: MinerID, created: Bool, token: String, sessionSeconds: Int, leaseSeconds: Double,
    nextSeconds: Double
  ) -> [UInt8] {
    write { json in
      json.field("success", true)
      json.field("status", "registered")
      json.field("miner_id", id.text)
      json.field("created", created)
      json.field("session_token", token)
      json.field("session_ttl_sec", sessionSeconds)
      json.field("lease_ttl_sec", leaseSeconds)
      json.field("next_heartbeat_sec", nextSeconds)
      json.field("heartbeat_path", "/v1/miners/heartbeat")
    }
  }

  package static func updated(leaseSeconds: Double, nextSeconds: Double) -> [UInt8] {
    write { json in
      json.field("status", "updated")
      json.field("lease_ttl_sec", leaseSeconds)
      json.field("next_heartbeat_sec", nextSeconds)
    }
  }

  /// For the HTTP heartbeat and the lease renewal. `commands` is empty until there are commands.
  package static func alive(
    id: MinerID, token: String, sessionSeconds: Int, leaseSeconds: Double, nextSeconds: Double
  ) -> [UInt8] {
    write { json in
      json.field("success", true)
      json.field("miner_id", id.text)
      json.field("session_token", token)
      json.field("session_ttl_sec", sessionSeconds)
      json.field("lease_ttl_sec", leaseSeconds)
      json.field("next_heartbeat_sec", nextSeconds)
      json.arrayField("commands") { _ in }
    }
  }

  package static func loggedOut(id: MinerID) -> [UInt8] {
    write { json in
      json.field("success", true)
      json.field("status", "logged_out")
      json.field("miner_id", id.text)
    }
  }

  package static func priceOverride(id: MinerID, _ override: PriceOverride?) -> [UInt8] {
    write { json in
      json.field("miner_id", id.text)
      guard let override else {
        json.field("message", "the price override is gone")
        return
      }
      json.field("price", number: override.price.description)
      json.field("reason", override.reason)
      json.field("expires_at", override.expiresAt?.rfc3339)
    }
  }

  package static func list(
    _ miners: [MinerStatus], nextCursor: MinerID?, at now: Timestamp
  ) -> [UInt8] {
    write { json in
      json.arrayField("miners") { json in for miner in miners { miner.write(to: &json, at: now) } }
      json.field("next_cursor", nextCursor?.text)
    }
  }

  package static func feedback(_ receipt: FeedbackReceipt) -> [UInt8] {
    write { json in
      json.field("status", "recorded")
      json.field("duplicate", receipt.isDuplicate)
      json.field("miner_id", receipt.minerID.text)
      json.field("trust_score", receipt.trustScore)
      json.field("previous_trust_score", receipt.previousTrustScore)
      json.field("evidence", receipt.evidence ?? .nan)
    }
  }

  private static func write(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var json = JSONWriter()
    json.object(body)
    return json.bytes
  }
}

/// What a gateway says over a miner's WebSocket.
package enum HeartbeatFrame {
  package static func ack(sequence: Int?, nextSeconds: Double) -> [UInt8] {
    var json = JSONWriter(capacity: 64)
    json.object { json in
      json.field("type", "ack")
      if let sequence { json.field("seq", sequence) } else { json.field("seq", value: .null) }
      json.field("next_heartbeat_sec", nextSeconds)
    }
    return json.bytes
  }

  package static func error(_ problem: Problem) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      // `type` names the frame here; the problem's own type follows from its `code`.
      json.field("type", "error")
      problem.writeFields(to: &json, requestID: nil)
    }
    return json.bytes
  }

  package static func goingAway(retryAfterMilliseconds: Int) -> [UInt8] {
    var json = JSONWriter(capacity: 64)
    json.object { json in
      json.field("type", "going_away")
      json.field("retry_after_ms", retryAfterMilliseconds)
    }
    return json.bytes
  }
}
