import Domain
import Index

/// An index over a population, and the heartbeats that go on changing it.
struct BenchmarkBuild {
  /// Miners made, then taken in, at a time: as many as are on a page of what a scorer reads.
  private static let chunk = 5_000

  var index = BlockIndex(weights: .standard)
  var heartbeats: DriftingHeartbeats
  /// What taking all in took, records, statuses, trust and the first refresh; not making them.
  private(set) var seconds = 0.0
  let population: MinerPopulation

  /// - Parameters:
  ///   - columns: gets the same miners, outside of what is timed.
  ///   - progress: told how many are in.
  init(
    miners: Int, seed: UInt64, horizonMilliseconds: Int, columns: ScanColumns? = nil,
    progress: (Int) -> Void = { _ in }
  ) {
    population = MinerPopulation(seed: seed, horizonMilliseconds: horizonMilliseconds)
    heartbeats = DriftingHeartbeats(seed: seed, capacity: miners)
    var nanosecondsSpent: Int64 = 0
    for first in stride(from: 0, to: miners, by: Self.chunk) {
      let drawn = (first..<min(first + Self.chunk, miners)).map { population.miner($0) }
      let snapshot = drawn.flatMap(Self.changes)
      let begin = nanoseconds()
      apply(snapshot)
      nanosecondsSpent += nanoseconds() - begin
      // Making the snapshot isn't timed; nor is letting go of it.
      withExtendedLifetime(snapshot) {}
      for miner in drawn {
        heartbeats.add(miner)
        columns?.add(miner)
      }
      progress(first + drawn.count)
    }
    let begin = nanoseconds()
    index.refresh(at: population.start)
    nanosecondsSpent += nanoseconds() - begin
    seconds = Double(nanosecondsSpent) / 1e9
  }

  /// As a scorer reads a miner from the stores.
  private static func changes(of miner: MinerPopulation.Miner) -> [Change] {
    let id = miner.record.id
    return [.record(miner.record), .trust(id, miner.trust), .status(id, miner.status)]
  }

  /// As `Registry` does.
  private mutating func apply(_ changes: [Change]) {
    for start in stride(from: 0, to: changes.count, by: RegistryLimits.changesTogether) {
      let together = changes[start..<min(start + RegistryLimits.changesTogether, changes.count)]
      index.expect(together)
      for change in together {
        switch change {
        case .record(let record): index.upsert(record)
        case .trust(let id, let trust): index.apply(trust, to: id)
        case .status(let id, let patch): index.apply(patch, to: id)
        case .revoked, .connected: break
        }
      }
    }
  }

  /// Takes in miners that are new, one after another, as they register.
  ///
  /// - Returns: how long each took.
  mutating func add(_ rows: Range<Int>) -> DurationSamples {
    var samples = DurationSamples()
    for row in rows {
      let miner = population.miner(row)
      let begin = nanoseconds()
      index.upsert(miner.record)
      index.apply(miner.trust, to: miner.record.id)
      index.apply(miner.status, to: miner.record.id)
      samples.add(nanoseconds: nanoseconds() - begin)
    }
    return samples
  }

  /// Applies heartbeats as a scorer does.
  ///
  /// - Returns: the nanoseconds that it took.
  mutating func apply(_ batch: [DriftingHeartbeats.Heartbeat]) -> Int64 {
    let changes = batch.map { Change.status($0.id, $0.patch) }
    let begin = nanoseconds()
    apply(changes)
    return nanoseconds() - begin
  }
}
