import JSON
import Synchronization

/// Registers a population of mock miners and gives each one sign of life.
package struct Seeding: Sendable {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  private static let concurrency = 32

  package let hubs: [HubClient]
  package let catalog: MinerCatalog

  package init(hubs: [HubClient], catalog: MinerCatalog) {
    self.hubs = hubs
    self.catalog = catalog
  }

  /// Registers the miners with these indices; a few dozen at a time.
  ///
  /// - Parameter progress: told how many are done, now and then.
  /// - Returns: how many were new to the hub.
  /// - Throws: `Failure` at the first that the hub refuses, `HubUnreachable`.
  package func run(
    _ indices: Range<Int>, progress: @escaping @Sendable (Int) -> Void = { _ in }
  ) async throws -> Int {
    let tally = Tally(start: indices.lowerBound)
    try await withThrowingDiscardingTaskGroup { group in
      for worker in 0..<min(Self.concurrency, indices.count) {
        group.addTask {
          while true {
            let index = tally.takeNext()
            if index >= indices.upperBound { return }
            let isNew = try await seed(catalog[index], index, hubs[worker % hubs.count])
            progress(tally.noteDone(isNew: isNew))
          }
        }
      }
    }
    return tally.created.load(ordering: .relaxed)
  }

  private func seed(_ miner: MockMiner, _ index: Int, _ hub: HubClient) async throws -> Bool {
    let answer = try await hub.register(miner.registration)
    guard answer.isSuccess, let json = answer.json, let token = json["session_token"]?.string else {
      throw Failure(description: "\(miner.id) could not be registered: \(answer.summary)")
    }
    var motion = MinerMotion(miner, random: SeededRandom(seed: catalog.seed &+ 2, index: index))
    motion.advance(seconds: 3_600)
    let beat = try await hub.heartbeat(motion.heartbeat(sequence: 1, jobs: 0), token: token)
    guard beat.isSuccess else {
      throw Failure(description: "\(miner.id) could not send a heartbeat: \(beat.summary)")
    }
    return json["created"]?.bool ?? false
  }
}

/// What the workers share.
private final class Tally: Sendable {
  private let next: Atomic<Int>
  private let done = Atomic<Int>(0)
  let created = Atomic<Int>(0)

  init(start: Int) { next = Atomic(start) }

  func takeNext() -> Int { next.wrappingAdd(1, ordering: .relaxed).oldValue }

  /// - Returns: how many are done by now.
  func noteDone(isNew: Bool) -> Int {
    if isNew { created.wrappingAdd(1, ordering: .relaxed) }
    return done.wrappingAdd(1, ordering: .relaxed).newValue
  }
}
