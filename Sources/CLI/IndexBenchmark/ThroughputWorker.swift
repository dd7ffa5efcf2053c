import Domain
import Index

/// One of several processes that each own an index and answer the mix as fast as they can, as scorers do.
package struct ThroughputWorker {
  private var build: BenchmarkBuild
  private let requests: [ClassedRequest]

  package init(miners: Int, seed: UInt64) {
    build = BenchmarkBuild(miners: miners, seed: seed, horizonMilliseconds: 10_000)
    requests = BenchmarkRequests.mix(IndexBenchmark.requestCount, seed: seed)
  }

  /// Answers for this long, with the refresh and the upkeep that a scorer's index has.
  ///
  /// - Returns: matches a second.
  package mutating func run(seconds: Double) -> Double {
    let begin = nanoseconds()
    let length = Int64(seconds * 1e9)
    let time = RunningTime(start: build.population.start)
    var (count, elapsed, nextRefresh, nextMaintenance) = (0, Int64(0), Int64(0), Int64(0))
    while elapsed < length {
      if elapsed >= nextRefresh {
        build.index.refresh(at: time.now)
        nextRefresh += 1_000_000_000
      }
      if elapsed >= nextMaintenance {
        build.index.maintain()
        nextMaintenance += 100_000_000
      }
      let answer = build.index.match(requests[count % requests.count].query, at: time.now)
      withExtendedLifetime(answer) {}
      count += 1
      elapsed = nanoseconds() - begin
    }
    return Double(count) * 1e9 / Double(elapsed)
  }
}
