import Domain
import JSON
import Messaging
import Simulation
import Synchronization
import Wire

/// Says whether the fleet is whole again: every gateway has every scorer, every scorer follows the change
/// stream, and at every gateway a miner can register, is found by the next match, and can be reported on.
struct Prober: Sendable {
  /// For each of its requests.
  private static let patience = Duration.seconds(1)
  private static let freshMicroseconds: Int64 = 500_000
  private static let lagLimitMilliseconds: UInt32 = 1_000

  private let hubs: [HubClient]
  private let scorers: [String]
  private let inspector: Inspector
  private let ledger: Ledger
  private let seed: UInt64
  private let count = Count()

  init(
    urls: [String], coordinatorSecret: String, scorers: [String], inspector: Inspector,
    ledger: Ledger, seed: UInt64
  ) {
    hubs = urls.map {
      HubClient(url: $0, coordinatorSecret: coordinatorSecret, timeout: Self.patience)
    }
    self.scorers = scorers
    self.inspector = inspector
    self.ledger = ledger
    self.seed = seed
  }

  /// - Returns: nil when it is; else what is missing still.
  func whatIsMissing() async -> String? {
    let seen = inspector.seen
    let now = MonotonicClock.microseconds()
    for scorer in scorers {
      guard let sighting = seen[scorer], now - sighting.at < Self.freshMicroseconds else {
        return "\(scorer) is silent"
      }
      let beat = sighting.beat
      if !beat.isReady || !beat.isStreamReachable
        || beat.lagMilliseconds > Self.lagLimitMilliseconds
      {
        return "\(scorer) doesn't follow the change stream"
      }
    }
    return await withTaskGroup(of: String?.self) { group in
      for (number, hub) in hubs.enumerated() {
        group.addTask { await whatIsMissing(at: hub, number) }
      }
      return await group.reduce(nil) { $0 ?? $1 }
    }
  }

  private func whatIsMissing(at hub: HubClient, _ gateway: Int) async -> String? {
    let name = "gateway-\(gateway + 1)"
    guard let health = try? await hub.health().json else { return "\(name) gives no answer" }
    guard health["scorers"]?.int == scorers.count else {
      return "\(name) has \(health["scorers"]?.int ?? 0) scorers"
    }
    let number = count.next()
    let id = "chaos-\(seed)-probe-\(number)"
    guard await registers(id, at: hub, gateway) else { return "\(name) registers nobody" }
    guard await finds(id, at: hub) else { return "a match at \(name) misses who registered there" }
    guard await reports(id, at: hub) else { return "\(name) takes no feedback" }
    return nil
  }

  private func registers(_ id: String, at hub: HubClient, _ gateway: Int) async -> Bool {
    // Whether or not an answer comes, it may be carried out.
    ledger.sign(of: id, through: gateway, at: Timestamp.now.advanced(byMilliseconds: 8_000))
    let body =
      #"{"miner_id":"\#(id)","api_key":"key-of-\#(id)-0123456789","capabilities":["\#(id)"]}"#
    let answer = try? await hub.register(Array(body.utf8))
    guard answer?.status == 200 else { return false }
    ledger.acknowledgedRegistration(of: id, price: nil)
    return true
  }

  private func finds(_ id: String, at hub: HubClient) async -> Bool {
    let body = #"{"job_id":"\#(id)","requirements":{"capabilities_any":["\#(id)"]}}"#
    let answer = try? await hub.match(Array(body.utf8))
    return answer?.json?["candidates"]?.array?.first?["miner_id"]?.string == id
  }

  private func reports(_ id: String, at hub: HubClient) async -> Bool {
    let body = #"{"job_id":"\#(id)","miner_id":"\#(id)","outcome":"completed"}"#
    guard (try? await hub.feedback(Array(body.utf8)))?.status == 200 else { return false }
    ledger.acknowledged(Ledger.Feedback(jobID: id, minerID: id, outcome: .completed))
    return true
  }

  private final class Count: Sendable {
    private let value = Atomic<Int>(0)
    func next() -> Int { value.wrappingAdd(1, ordering: .relaxed).newValue }
  }
}
