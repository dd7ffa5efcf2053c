import Synchronization

/// Where Redis is, and how to sign in there. A reload may change it.
package final class RedisAddress: Sendable {
  private let current: Mutex<RedisURL>

  package init(_ url: RedisURL) { current = Mutex(url) }

  package var url: RedisURL { current.withLock { $0 } }

  package func replace(_ url: RedisURL) { current.withLock { $0 = url } }
}
