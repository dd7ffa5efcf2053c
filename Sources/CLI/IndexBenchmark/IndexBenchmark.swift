import Domain
import Glibc
import Index

/// Measures the index in this process, on one thread, in phases one after another: building, matches at rest,
/// both baselines on the same data, matches under updates, updates alone, growth.
///
/// The clock that the index sees runs with the real one, so leases end meanwhile; once a second it is
/// refreshed between two matches, as a scorer does.
package struct IndexBenchmark {
  package struct Options: Sendable {
    package var miners: Int
    /// Of the phase at rest, and of that under updates.
    package var seconds: Int
    package var updatesPerSecond = 70_000
    package var seed: UInt64 = 1
    package var measuresGrowth = true

    package init(miners: Int, seconds: Int) {
      self.miners = miners
      self.seconds = seconds
    }
  }

  /// Different requests, taken in turn.
  package static let requestCount = 20_000
  /// Of each class: at rest, and again after updates.
  private static let comparedCount = 200
  private static let comparedAfterUpdatesCount = 50
  /// Heartbeats between two matches, at most.
  private static let batchLimit = 256
  private static let leastBatch = 64

  private let options: Options
  private let requests: [ClassedRequest]
  private let progress: (String) -> Void
  private var build: BenchmarkBuild
  private let columns: ScanColumns
  private var time: RunningTime
  private var refreshes = DurationSamples()
  private var nextRefresh: Int64 = 0
  private var maintenances = DurationSamples()
  private var nextMaintenance: Int64 = 0
  private var result: IndexBenchmarkResult

  /// Builds the index.
  ///
  /// - Parameter progress: told what is done, now and then.
  package init(_ options: Options, progress: @escaping (String) -> Void = { _ in }) {
    self.options = options
    self.progress = progress
    requests = BenchmarkRequests.mix(Self.requestCount, seed: options.seed)
    let population = MinerPopulation(seed: options.seed)
    columns = ScanColumns(capacity: options.miners, start: population.start)
    build = BenchmarkBuild(
      miners: options.miners, seed: options.seed,
      horizonMilliseconds: options.seconds * 1_000, columns: columns
    ) { progress("building: \($0) of \(options.miners) miners") }
    time = RunningTime(start: population.start)
    result = IndexBenchmarkResult(miners: options.miners)
    result.buildSeconds = build.seconds
    result.bytesPerMiner = Double(build.index.byteCount) / Double(options.miners)
  }

  /// All phases. Needs to be called once only.
  package mutating func run() -> IndexBenchmarkResult {
    time = RunningTime(start: build.population.start)
    matchAtRest()
    progress("comparing with both scans")
    let masks = MaskScan(columns)
    compare(masks, count: Self.comparedCount, isTimed: true)
    matchUnderUpdates(masks)
    compare(masks, count: Self.comparedAfterUpdatesCount, isTimed: false)
    updateAlone()
    grow()
    if options.measuresGrowth { measureGrowth() }
    result.refresh.take(refreshes)
    result.maintenance.take(maintenances)
    return result
  }

  // MARK: Phases

  private mutating func matchAtRest() {
    var samples = [DurationSamples](repeating: DurationSamples(), count: result.classes.count)
    var work = [SearchWork](repeating: SearchWork(), count: result.classes.count)
    let begin = nanoseconds()
    let end = begin + Int64(options.seconds) * 1_000_000_000
    var next = 0
    while next < requests.count || nanoseconds() < end {
      refreshWhenDue()
      let request = requests[next % requests.count]
      next += 1
      build.index.work = SearchWork()
      let place = request.kind.place
      samples[place].add(nanoseconds: timedMatch(request))
      work[place] += build.index.work
      if next % 4_096 == 0 { progress("matching at rest: \(next) answers") }
    }
    for place in result.classes.indices {
      result.classes[place].take(samples[place], work[place])
    }
  }

  private mutating func matchUnderUpdates(_ masks: MaskScan) {
    let cycleSeconds = options.miners / max(1, options.updatesPerSecond)
    build.heartbeats.leaseMilliseconds = UInt32(max(60, 3 * cycleSeconds)) * 1_000
    var typical = DurationSamples()
    var (updated, updateNanoseconds) = (0, Int64(0))
    let begin = nanoseconds()
    let length = Int64(options.seconds) * 1_000_000_000
    var (next, elapsed) = (0, Int64(0))
    while elapsed < length {
      refreshWhenDue()
      let due =
        Int(Double(elapsed) / 1e9 * Double(options.updatesPerSecond)) - updated
      if due >= Self.leastBatch {
        let batch = build.heartbeats.next(min(due, Self.batchLimit), at: time.now)
        updateNanoseconds += build.apply(batch)
        updated += batch.count
        write(batch, masks)
      }
      let request = requests[next % requests.count]
      next += 1
      let spent = timedMatch(request)
      if request.kind == .typical { typical.add(nanoseconds: spent) }
      elapsed = nanoseconds() - begin
      if next % 4_096 == 0 { progress("matching under updates: \(updated) applied") }
    }
    let sorted = typical.sorted()
    result.updates.perSecond = Double(updated) * 1e9 / Double(elapsed)
    result.updates.nanoseconds = Double(updateNanoseconds) / Double(max(1, updated))
    result.updates.typicalP50Microseconds = sorted.microseconds(0.5)
    result.updates.typicalP99Microseconds = sorted.microseconds(0.99)
  }

  /// One heartbeat of everybody.
  private mutating func updateAlone() {
    var (updated, spent) = (0, Int64(0))
    while updated < options.miners {
      let batch = build.heartbeats.next(min(4_096, options.miners - updated), at: time.now)
      spent += build.apply(batch)
      updated += batch.count
      progress("updating: \(updated) of \(options.miners)")
    }
    result.updates.nanosecondsAlone = Double(spent) / Double(max(1, updated))
  }

  /// A third more miners, so that every region is put in order anew.
  private mutating func grow() {
    let end = options.miners + options.miners / 3
    var newcomers = DurationSamples()
    var upkeep = DurationSamples()
    func timed(_ work: (inout BlockIndex) -> Void, _ index: inout BlockIndex) {
      let begin = nanoseconds()
      work(&index)
      upkeep.add(nanoseconds: nanoseconds() - begin)
    }
    for first in stride(from: options.miners, to: end, by: 1_000) {
      newcomers.add(build.add(first..<min(first + 1_000, end)))
      timed({ $0.maintain() }, &build.index)
      progress("growing: \(first) of \(end) miners")
    }
    // At most so many steps as would move everybody twice.
    for _ in 0..<end / 256 {
      timed({ $0.refresh(at: time.now) }, &build.index)
      if !build.index.isOrdering { break }
      while build.index.isOrdering {
        timed({ $0.maintain() }, &build.index)
        // A scorer's pauses are twenty times as long.
        usleep(5_000)
      }
    }
    result.growing.take(newcomers)
    result.growingUpkeep.take(upkeep)
  }

  /// All at one moment, with tables of that moment, so that every answer is due to be the same.
  private mutating func compare(_ masks: MaskScan, count: Int, isTimed: Bool) {
    let plain = PlainScan(columns)
    let now = time.now
    build.index.refresh(at: now)
    columns.refresh(at: now)
    for place in result.classes.indices {
      let kind = result.classes[place].kind
      var durations = (plain: DurationSamples(), mask: DurationSamples())
      for request in requests.lazy.filter({ $0.kind == kind }).prefix(count) {
        let answer = build.index.match(request.query, at: now)
        let begin = nanoseconds()
        let plainAnswer = plain.match(request.query, at: now)
        let middle = nanoseconds()
        let maskAnswer = masks.match(request.query, at: now)
        durations.mask.add(nanoseconds: nanoseconds() - middle)
        durations.plain.add(nanoseconds: middle - begin)
        result.classes[place].comparedCount += 1
        if answer.candidates.isEmpty { result.classes[place].emptyCount += 1 }
        if !plainAnswer.equals(answer) || !maskAnswer.equals(answer) {
          result.classes[place].differences += 1
        }
      }
      guard isTimed else { continue }
      result.classes[place].plainP50Microseconds = durations.plain.sorted().microseconds(0.5)
      result.classes[place].maskP50Microseconds = durations.mask.sorted().microseconds(0.5)
    }
  }

  /// Typical requests on registries a tenth and a hundredth of a million, as far as they are smaller than
  /// this one, which is the last.
  private mutating func measureGrowth() {
    let typical = requests.filter { $0.kind == .typical }
    for miners in [10_000, 100_000, 1_000_000] where miners < options.miners {
      progress("growth: \(miners) miners")
      var small = BenchmarkBuild(
        miners: miners, seed: options.seed, horizonMilliseconds: options.seconds * 1_000)
      let start = small.population.start
      var samples = DurationSamples()
      for request in typical {
        let begin = nanoseconds()
        let answer = small.index.match(request.query, at: start)
        samples.add(nanoseconds: nanoseconds() - begin)
        withExtendedLifetime(answer) {}
      }
      result.growth.append(Self.growth(miners, samples.sorted()))
    }
    let own = result[.typical]
    result.growth.append(
      .init(
        miners: options.miners, typicalP50Microseconds: own.p50Microseconds,
        typicalP99Microseconds: own.p99Microseconds))
  }

  // MARK: Steps

  private static func growth(
    _ miners: Int, _ sorted: SortedDurations
  ) -> IndexBenchmarkResult.Growth {
    .init(
      miners: miners, typicalP50Microseconds: sorted.microseconds(0.5),
      typicalP99Microseconds: sorted.microseconds(0.99))
  }

  @inline(__always)
  private mutating func timedMatch(_ request: ClassedRequest) -> Int64 {
    let now = time.now
    let begin = nanoseconds()
    let answer = build.index.match(request.query, at: now)
    let spent = nanoseconds() - begin
    withExtendedLifetime(answer) {}
    return spent
  }

  private mutating func refreshWhenDue() {
    let begin = nanoseconds()
    if begin >= nextMaintenance {
      nextMaintenance = begin + 100_000_000
      build.index.maintain()
      maintenances.add(nanoseconds: nanoseconds() - begin)
    }
    if begin < nextRefresh { return }
    nextRefresh = begin + 1_000_000_000
    let start = nanoseconds()
    build.index.refresh(at: time.now)
    refreshes.add(nanoseconds: nanoseconds() - start)
  }

  private func write(_ batch: [DriftingHeartbeats.Heartbeat], _ masks: MaskScan) {
    for heartbeat in batch {
      columns.write(heartbeat.patch, to: heartbeat.row)
      masks.rowChanged(heartbeat.row)
    }
  }
}

extension RequestClass {
  /// Its place among all.
  var place: Int { Self.allCases.firstIndex(of: self)! }
}

extension SearchWork {
  static func += (left: inout SearchWork, right: SearchWork) {
    left.superblocks += right.superblocks
    left.blocks += right.blocks
    left.miners += right.miners
  }
}

extension IndexBenchmarkResult.Background {
  mutating func take(_ samples: DurationSamples) {
    count = samples.count
    maxMicroseconds = samples.sorted().microseconds(1)
    meanMicroseconds = count == 0 ? 0 : samples.sumSeconds * 1e6 / Double(count)
  }
}

extension IndexBenchmarkResult.Class {
  mutating func take(_ samples: DurationSamples, _ work: SearchWork) {
    let sorted = samples.sorted()
    matchCount = samples.count
    p50Microseconds = sorted.microseconds(0.5)
    p99Microseconds = sorted.microseconds(0.99)
    maxMicroseconds = sorted.microseconds(1)
    matchesPerSecond = samples.sumSeconds == 0 ? 0 : Double(samples.count) / samples.sumSeconds
    self.work = work
  }
}
