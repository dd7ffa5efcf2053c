import Domain
import JSON

/// The live part of an update or heartbeat, before the gateway adds when it came and for how long it holds.
package struct StatusReport: Equatable, Sendable {
  package var queueLength: UInt32?
  package var busy: Bool?
  package var state: MinerState?
  package var avgLatencyMilliseconds: Double?
  package var temperatureCelsius: Double?
  package var memFreeGB: Double?
  package var gpuUtilization: Double?

  package init() {}

  package func patch(at now: Timestamp, leaseMilliseconds: UInt32) -> StatusPatch {
    var patch = StatusPatch(at: now, leaseMilliseconds: leaseMilliseconds)
    patch.queueLength = queueLength
    patch.busy = busy
    patch.state = state
    patch.avgLatencyMilliseconds = avgLatencyMilliseconds
    patch.temperatureCelsius = temperatureCelsius.map(Float.init)
    patch.memFreeGB = memFreeGB.map(Float.init)
    patch.gpuUtilization = gpuUtilization.map(Float.init)
    return patch
  }
}

/// `POST /v1/miners/update`: live status and, durably, parts of the profile.
package struct UpdateRequest: Equatable, Sendable {
  package var status: StatusReport
  package var profile: ProfilePatch

  package init(_ object: JSONObject) throws(Problem) {
    (status, profile) = try Body.read(object) { fields in
      var status = fields.measurements()
      status.queueLength = fields.queueLength()
      // An update that doesn't name these takes them back; other fields left out keep their value.
      status.busy = fields.bool("busy") ?? false
      status.state = fields.choice("status", of: MinerState.self) ?? .active
      var profile = ProfilePatch()
      profile.price = fields.price("price_token_per_ksec", "base_price")
      profile.tags = fields.tags("tags")
      profile.capabilities = fields.names("capabilities")
      profile.maxParallel = fields.integer("max_parallel", in: Limits.maxParallel)
      return (status, profile)
    }
  }
}

/// A heartbeat, over a WebSocket or HTTP, in today's shape or the older one. It changes no profile.
package struct Heartbeat: Equatable, Sendable {
  package var sequence: Int?
  package var status: StatusReport

  init() { status = StatusReport() }

  /// What a miner sent over its WebSocket.
  /// - Returns: nil for an answer to a command, which is welcome before there are any.
  package static func read(_ text: UnsafeRawBufferPointer) throws(Problem) -> Heartbeat? {
    if let heartbeat = PlainHeartbeatReader.read(text) { return heartbeat }
    let object = try Body.object(text)
    if object["type"]?.string == "command_ack" { return nil }
    return try Heartbeat(object)
  }

  package init(_ object: JSONObject) throws(Problem) {
    (sequence, status) = try Body.read(object) { fields in
      let sequence = fields.integer("seq", in: 0...Int.max)
      fields.checkTime("ts")
      var status = fields.measurements()
      status.queueLength = fields.queueLength()
      status.state = fields.choice("status", of: MinerState.self)
      status.busy = fields.bool("busy") ?? false
      if !fields.has("queue_len"), !fields.has("current_jobs"), !fields.has("status") {
        fields.fail("queue_len", "required", "queue_len is required")
      }
      status.gpuUtilization = fields.number("gpu_utilization", in: Limits.gpuPercent)
      // Read in any case, so that its faults are found.
      let freeMemory = fields.freeMemory()
      status.memFreeGB = status.memFreeGB ?? freeMemory
      return (sequence, status)
    }
  }
}

extension FieldReader {
  fileprivate mutating func measurements() -> StatusReport {
    var report = StatusReport()
    report.avgLatencyMilliseconds = number(
      "avg_latency_ms", "network_latency_ms", in: Limits.latencyMilliseconds)
    report.temperatureCelsius = number("temp_c", in: Limits.celsius)
    report.memFreeGB = number("mem_free_gb", in: Limits.gigabytes)
    return report
  }

  /// `queue_len`, or where it is absent `current_jobs`: a count, or a list of job ids to count.
  fileprivate mutating func queueLength() -> UInt32? {
    let jobs = currentJobs()
    let length = integer("queue_len", in: Limits.queueLength)
    return (length ?? (has("queue_len") ? nil : jobs)).map(UInt32.init)
  }

  private mutating func currentJobs() -> Int? {
    guard case .array? = find(["current_jobs"])?.value else {
      return integer("current_jobs", in: Limits.queueLength)
    }
    return texts("current_jobs", count: 0...Limits.listCount, bytes: 1...Limits.jobIDBytes)?.count
  }

  /// A miner's own clock may be text or a number; it is checked and not used.
  fileprivate mutating func checkTime(_ name: String) {
    switch find([name])?.value {
    case nil, .number, .string: break
    default: fail(name, "type", "\(name) must be a time")
    }
  }

  /// From the older shape's `memory_used` and `memory_total`, in MiB.
  fileprivate mutating func freeMemory() -> Double? {
    let mebibytes = 0.0...1_000_000_000.0
    let used = number("memory_used", in: mebibytes)
    let total = number("memory_total", in: mebibytes)
    guard let used, let total else { return nil }
    guard used <= total else {
      fail("memory_used", "range", "memory_used must not pass memory_total")
      return nil
    }
    return (total - used) * 1_048_576 / 1_000_000_000
  }
}
