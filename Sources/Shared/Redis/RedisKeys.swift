import Domain

/// Every key that the hub has in Redis. They share one hash tag, so that in a Redis Cluster they lie on
/// one node and a script may touch several of them.
package struct RedisKeys: Hashable, Sendable {
  /// The last known status of every miner lies in this many hashes. Never change it.
  package static let statusShardCount = 64

  /// The stream that carries every change: entries with one field, `payloadField`.
  package let changeStream: String
  /// Written and never read: whether Redis takes writes.
  package let probe: String
  /// Hash: miner id → milliseconds, before which its session tokens are void.
  package let revocations: String
  /// Sorted set: gateways that announce themselves → when that ends, in ms of Redis's clock.
  package let gateways: String
  /// String: whose turn it is to write last known statuses down.
  package let archivist: String
  /// Strings: when somebody will have used up all that a limit grants, in µs of Redis's clock; behind this
  /// stand the limit's name and whose it is.
  package let limits: String
  /// Hashes: miner id → packed `StatusPatch`.
  package let statusShards: [String]

  package static let payloadField = "c"

  /// - Parameter prefix: the hash tag, without its braces.
  package init(prefix: String = "poolhub") {
    changeStream = "{\(prefix)}:changes"
    probe = "{\(prefix)}:probe"
    revocations = "{\(prefix)}:revocations"
    gateways = "{\(prefix)}:gateways"
    archivist = "{\(prefix)}:archivist"
    limits = "{\(prefix)}:limit:"
    statusShards = (0..<Self.statusShardCount).map { "{\(prefix)}:status:\($0)" }
  }

  /// Which of `statusShards` holds this miner: FNV-1a (64 bit) of its id, modulo their number.
  package static func statusShardIndex(of id: MinerID) -> Int {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in id.text.utf8 {
      hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
    return Int(hash % UInt64(statusShardCount))
  }
}
