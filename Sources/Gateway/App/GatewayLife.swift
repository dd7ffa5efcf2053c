import NIOPosix
import ScorerClient
import Supervision

/// How a gateway is, for its service manager.
struct GatewayLife: Supervised {
  /// The router's thread looks around ten times a second.
  private static let routerPatience = Duration.seconds(5)

  let gateway: Gateway
  let served: Turned

  /// It can answer a match.
  var isReady: Bool { served.isRaised && !gateway.health.usableScorers.isEmpty }

  var status: String {
    if !served.isRaised { return "starting" }
    let scorers = gateway.health.usableScorers.count
    let miners = gateway.connections.count
    if scorers == 0 { return "waiting for a scorer; serves all but matches" }
    let stores = gateway.health.stores
    let away = [("PostgreSQL", stores.databaseError), ("Redis", stores.redisError)]
      .compactMap { name, error in error.map { "\(name): \($0)" } }
    let end = away.isEmpty ? "" : "; " + away.joined(separator: ", ")
    return "serves with \(scorers) scorer\(scorers == 1 ? "" : "s"), "
      + "\(miners) miner\(miners == 1 ? "" : "s") connected\(end)"
  }

  /// Every event loop, and the thread between here and the scorers.
  func isAlive() async -> Bool {
    for loop in MultiThreadedEventLoopGroup.singleton.makeIterator() {
      guard (try? await loop.submit {}.get()) != nil else { return false }
    }
    return gateway.scorers.idleTime < Self.routerPatience
  }
}
