import DequeModule
import Domain
import Index

/// What this scorer has just offered to matches that are spread. For a short time each offer takes one of its
/// miner's free slots from the next such match, so that coordinators who ask at the same moment aren't all sent
/// to the one best miner. Other matches neither count nor are held back.
///
/// Here stands whose offer ends when; how many each miner has stands in the index, beside its free slots.
package struct RecentOffers: Sendable {
  /// All offers at a time; beyond it the oldest stop counting. More than a batch can make, and few enough
  /// that the index can count one miner's in 16 bits.
  package static let limit = 32_768

  private struct Offer {
    var miner: MinerID
    /// Monotonic microseconds.
    var end: Int64
  }

  private let lifetimeMicroseconds: Int64
  /// The oldest first.
  private var offers: Deque<Offer> = []
  /// Those that stopped counting before their time.
  package private(set) var forgottenCount: UInt64 = 0

  package init(lifetimeMilliseconds: Int) {
    lifetimeMicroseconds = Int64(lifetimeMilliseconds) * 1_000
  }

  package var count: Int { offers.count }

  /// Ends those whose time is over. Not to be called within a batch, all of whose offers count to its end.
  package mutating func settle(in registry: inout Registry<some MinerIndex>, now: Int64) {
    while let oldest = offers.first, oldest.end <= now { endOldest(in: &registry) }
  }

  /// Counts an answer's candidates.
  package mutating func note(
    _ candidates: [Candidate], in registry: inout Registry<some MinerIndex>, now: Int64
  ) {
    for candidate in candidates {
      if offers.count == Self.limit {
        endOldest(in: &registry)
        forgottenCount += 1
      }
      offers.append(Offer(miner: candidate.minerID, end: now + lifetimeMicroseconds))
      registry.countOffers(1, to: candidate.minerID)
    }
  }

  private mutating func endOldest(in registry: inout Registry<some MinerIndex>) {
    registry.countOffers(-1, to: offers.removeFirst().miner)
  }
}
