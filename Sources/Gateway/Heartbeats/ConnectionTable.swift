import Domain
import GatewayPolicy
import OnePort
import Synchronization

/// The WebSockets that this gateway holds, one a miner.
final class ConnectionTable: Sendable {
  struct Connection: Sendable {
    /// Its session's.
    var issuedAt: Timestamp
    var openedAt: Timestamp
    var sender: WebSocketSender
  }

  private let connections = Mutex<[MinerID: Connection]>([:])
  private let countAtFarewell = Mutex<Int?>(nil)

  /// How many there were when the first was told that the gateway goes away.
  var farewellCount: Int {
    let now = count
    return countAtFarewell.withLock { first in
      first = first ?? now
      return first ?? now
    }
  }

  var count: Int { connections.withLock { $0.count } }

  /// Takes a connection in; an older one of the same miner is closed.
  func add(_ connection: Connection, of minerID: MinerID) {
    let older = connections.withLock { $0.updateValue(connection, forKey: minerID) }
    older?.sender.close(.replaced, reason: "replaced by a newer connection")
  }

  /// Unless another one has taken its place.
  func remove(_ minerID: MinerID, _ session: WebSocketSession) {
    connections.withLock { table in
      if table[minerID]?.sender.reaches(session) == true { table[minerID] = nil }
    }
  }

  /// The miner opened a newer connection on another gateway.
  func replace(_ minerID: MinerID, openedBefore moment: Timestamp) {
    let older = connections.withLock { table in
      table[minerID].flatMap { $0.openedAt < moment ? $0 : nil }
    }
    older?.sender.close(.replaced, reason: "replaced by a newer connection")
  }

  /// Closes a connection whose session was revoked.
  func close(_ minerID: MinerID, issuedUpTo moment: Timestamp) {
    let revoked = connections.withLock { table in
      table[minerID].flatMap { $0.issuedAt <= moment ? $0 : nil }
    }
    revoked?.sender.close(.revoked, reason: "the session was revoked")
  }
}

extension WebSocketCloseCode {
  /// The contract's own codes.
  static let badFrames = WebSocketCloseCode(rawValue: 4400)
  static let revoked = WebSocketCloseCode(rawValue: 4401)
  static let noHeartbeat = WebSocketCloseCode(rawValue: 4408)
  static let replaced = WebSocketCloseCode(rawValue: 4409)
  static let tooFast = WebSocketCloseCode(rawValue: 4429)
}
