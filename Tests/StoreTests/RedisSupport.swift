import Domain
import Fleet
import Foundation
import Logging
import Redis
import Synchronization
import Testing

/// A Redis of one test's own, in a folder that goes with it.
struct RedisUnderTest {
  let server: PrivateRedis
  let url: RedisURL
  let keys = RedisKeys(prefix: "test")
  let client: RedisClient

  func liveStatus(timeToLiveSeconds: Int = 600) -> RedisLiveStatusStore {
    RedisLiveStatusStore(client: client, keys: keys, timeToLiveSeconds: timeToLiveSeconds)
  }

  /// SIGKILL, and waits for the end.
  func kill() async {
    let child = await server.child
    child?.terminate(signal: SIGKILL)
    _ = await child?.waitForExit()
  }

  func signal(_ signal: Int32) async { await server.child?.terminate(signal: signal) }

  func run(_ words: String...) async throws -> RedisReply {
    var command = RedisCommand()
    for word in words { command.append(word) }
    return try await client.send(command)
  }

  /// Ids of all entries of the change stream.
  func streamIDs() async throws -> [StreamID] {
    let rows = try await run("XRANGE", keys.changeStream, "-", "+").elements ?? []
    return rows.compactMap { $0.elements?.first?.text.flatMap { StreamID($0) } }
  }
}

/// - Parameters:
///   - directory: where data is kept; nil: a folder of its own, and nothing is kept.
///   - replyMilliseconds: the client's patience; long, so that a busy machine fails no test.
func withRedis(
  directory keptDirectory: String? = nil, replyMilliseconds: Int = 10_000,
  _ body: (RedisUnderTest) async throws -> Void
) async throws {
  let temporary = FileManager.default.temporaryDirectory.path
  let directory = keptDirectory ?? temporary + "/redis-\(UUID().uuidString)"
  let server = PrivateRedis(directory: directory, keepsData: keptDirectory != nil)
  defer { try? FileManager.default.removeItem(atPath: directory) }
  do {
    try await server.start()
    let url = try RedisURL(server.url)
    let client = RedisClient(
      url: url, timeouts: .init(connectMilliseconds: 5_000, replyMilliseconds: replyMilliseconds))
    try await body(RedisUnderTest(server: server, url: url, client: client))
    await server.stop()
  } catch {
    await server.stop()
    throw error
  }
}

/// Waits until `condition` holds; fails the test when it doesn't within a generous time.
func eventually(
  _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
  _ condition: () async throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + .seconds(20)
  while try await !condition() {
    try #require(ContinuousClock.now < deadline, what, sourceLocation: sourceLocation)
    try await Task.sleep(for: .milliseconds(5))
  }
}

let silentLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// SplitMix64: the same numbers for the same seed everywhere.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

extension MinerID {
  static func numbered(_ number: Int) -> MinerID { MinerID("miner-\(number)")! }
}

extension StatusPatch {
  /// Each field set or not, times from a few milliseconds, so that many are equal or out of order.
  static func random(using random: inout SeededRandom) -> StatusPatch {
    var patch = StatusPatch(
      at: Timestamp(milliseconds: 1_700_000_000_000 + .random(in: 0..<8, using: &random)),
      leaseMilliseconds: .random(in: 0...120_000, using: &random))
    if Bool.random(using: &random) { patch.queueLength = .random(in: 0...9, using: &random) }
    if Bool.random(using: &random) { patch.busy = .random(using: &random) }
    if Bool.random(using: &random) {
      patch.state = MinerState.allCases.randomElement(using: &random)
    }
    if Bool.random(using: &random) {
      patch.avgLatencyMilliseconds = .random(in: 0...1_000, using: &random)
    }
    if Bool.random(using: &random) {
      patch.temperatureCelsius = .random(in: -10...100, using: &random)
    }
    if Bool.random(using: &random) { patch.memFreeGB = .random(in: 0...80, using: &random) }
    if Bool.random(using: &random) { patch.gpuUtilization = .random(in: 0...1, using: &random) }
    return patch
  }
}
