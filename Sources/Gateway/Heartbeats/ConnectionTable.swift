import Domain
import GatewayPolicy
import OnePort
import Synchronization

/// The WebSockets that this gateway holds, one a miner.
final class ConnectionTable: Sendable {
  struct Connection: Sendable {
    var session: Session
    var openedAt: Timestamp
    var sender: WebSocketSender
    /// Tells two connections of one miner apart.
    var id: UInt64
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
  func add(_ connection: Connection) {
    let older = connections.withLock { table in
      defer { table[connection.session.minerID] = connection }
      return table[connection.session.minerID]
    }
    older?.sender.close(.replaced, reason: "replaced by a newer connection")
  }

  /// Unless another one has taken its place.
  func remove(_ minerID: MinerID, id: UInt64) {
    connections.withLock { table in
      if table[minerID]?.id == id { table[minerID] = nil }
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
      table[minerID].flatMap { $0.session.issuedAt <= moment ? $0 : nil }
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
}
