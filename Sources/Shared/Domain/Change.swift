/// A place in the change stream, as Redis numbers its entries: milliseconds, then a count within one.
package struct StreamID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let milliseconds: UInt64
  package let sequence: UInt64

  package static let zero = StreamID(milliseconds: 0, sequence: 0)

  package init(milliseconds: UInt64, sequence: UInt64) {
    self.milliseconds = milliseconds
    self.sequence = sequence
  }

  /// Reads Redis's `1700000000000-3`.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 2, let milliseconds = UInt64(parts[0]), let sequence = UInt64(parts[1])
    else { return nil }
    self.init(milliseconds: milliseconds, sequence: sequence)
  }

  package var description: String { "\(milliseconds)-\(sequence)" }

  package static func < (left: StreamID, right: StreamID) -> Bool {
    (left.milliseconds, left.sequence) < (right.milliseconds, right.sequence)
  }
}

/// One thing that every scorer (and where it says so every gateway) learns from the change stream.
/// All of them may be applied twice and in any order: versions and times settle who is right.
package enum Change: Equatable, Sendable {
  /// A miner's durable record is now this. Large, and rare beside signs of life, whose batches
  /// would be three times as large with it.
  indirect case record(MinerRecord)
  /// A miner's trust is now this.
  case trust(MinerID, MinerTrust)
  /// A miner gave a sign of life.
  case status(MinerID, StatusPatch)
  /// Session tokens of this miner issued at or before `notBefore` are void (gateways).
  case revoked(MinerID, notBefore: Timestamp)
  /// This miner's WebSocket is now held by `gateway`, since `at`: older ones close (gateways).
  case connected(MinerID, gateway: String, at: Timestamp)

  package var minerID: MinerID {
    switch self {
    case .record(let record): record.id
    case .trust(let id, _), .status(let id, _), .revoked(let id, _), .connected(let id, _, _): id
    }
  }
}
