/// What a miner says that it is doing. Only `active` takes jobs.
package enum MinerState: String, CaseIterable, Sendable {
  case active, busy, draining, maintenance, offline

  /// The wire's number for it. Never renumber.
  package var code: UInt8 {
    switch self {
    case .active: 0
    case .busy: 1
    case .draining: 2
    case .maintenance: 3
    case .offline: 4
    }
  }

  package init?(code: UInt8) {
    guard Int(code) < Self.allCases.count else { return nil }
    self = Self.allCases[Int(code)]
  }
}

/// One sign of life with whatever it changes: a heartbeat, an update's live part, a lease renewal
/// (which changes nothing else), a logout (a lease of 0). Fields left nil keep their value.
package struct StatusPatch: Equatable, Sendable {
  package var at: Timestamp
  /// The miner is online until `at` plus this.
  package var leaseMilliseconds: UInt32
  package var queueLength: UInt32?
  package var busy: Bool?
  package var state: MinerState?
  package var avgLatencyMilliseconds: Double?
  package var temperatureCelsius: Float?
  package var memFreeGB: Float?
  /// Percent, 0 to 100, as the miner says.
  package var gpuUtilization: Float?

  package init(at: Timestamp, leaseMilliseconds: UInt32) {
    self.at = at
    self.leaseMilliseconds = leaseMilliseconds
  }

  /// Also bears a time that no clock shows: the largest there is, then.
  package var expiresAt: Timestamp {
    let (sum, isTooLarge) = at.milliseconds.addingReportingOverflow(Int64(leaseMilliseconds))
    return Timestamp(milliseconds: isTooLarge ? .max : sum)
  }

  /// This patch and `other` as one: field by field the later one's value, where it has one.
  package func merged(with other: StatusPatch) -> StatusPatch {
    let (older, newer) = other.at < at ? (other, self) : (self, other)
    var result = newer
    result.queueLength = newer.queueLength ?? older.queueLength
    result.busy = newer.busy ?? older.busy
    result.state = newer.state ?? older.state
    result.avgLatencyMilliseconds = newer.avgLatencyMilliseconds ?? older.avgLatencyMilliseconds
    result.temperatureCelsius = newer.temperatureCelsius ?? older.temperatureCelsius
    result.memFreeGB = newer.memFreeGB ?? older.memFreeGB
    result.gpuUtilization = newer.gpuUtilization ?? older.gpuUtilization
    return result
  }
}
