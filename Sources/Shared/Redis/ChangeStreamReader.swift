import Domain
import Logging
import Synchronization
import Threads

/// Follows the change stream on a thread of its own, through outages of Redis and loss of its memory.
///
/// Events come on that thread, one at a time, in this order: `reachable` or `unreachable` first; before
/// any entries a `mustReload`; then entries, until something makes a reload needed again.
package final class ChangeStreamReader: Sendable {
  package typealias Entry = (id: StreamID, changes: [Change])

  package enum Event: Sendable {
    /// Redis answers and takes writes. Comes once after each `unreachable`, and at first.
    case reachable
    /// Redis is out of reach, or takes no writes, for a short reason. Comes once, whatever the number of
    /// attempts. In the latter case entries written before still come.
    case unreachable(String)
    /// Entries in the stream's order, each once, unless Redis was restarted in between.
    case entries([Entry])
    /// Changes may have been missed: everything must be loaded anew, starting now. Entries follow that
    /// come after `noted`; what they say may be in the loaded state already.
    case mustReload(noted: StreamID)
  }

  package struct Options: Sendable {
    /// How long Redis lets us wait for entries: what `stop` takes at most, too.
    package var blockMilliseconds = 200
    /// How much later than that a reply counts as lost.
    package var replySlackMilliseconds = 500
    package var connectMilliseconds = 300
    package var entriesPerRead = 64
    /// After so long with no entry it is asked whether Redis would take one.
    package var probeMilliseconds = 1_000
    /// Holds entries back between reading and delivering, to make lag visible in tests.
    package var delayMilliseconds = 0
    /// Signs of life are most of what the stream carries; who has no use for them needn't read them.
    package var withStatuses = true

    package init() {}
  }

  private let address: RedisAddress
  private let keys: RedisKeys
  private let options: Options
  private let logger: Logger
  private let handler: @Sendable (Event) -> Void
  let isStopping = Atomic<Bool>(false)
  let undecodable = Atomic<Int>(0)
  let wakeup = Wakeup()

  package convenience init(
    url: RedisURL, keys: RedisKeys, options: Options = Options(), logger: Logger,
    handler: @escaping @Sendable (Event) -> Void
  ) {
    self.init(
      address: RedisAddress(url), keys: keys, options: options, logger: logger, handler: handler)
  }

  /// - Parameters:
  ///   - address: looked at before each use; a connection opened with another one is given up.
  ///   - handler: must be quick: while it runs, nothing is read and no outage is seen.
  package init(
    address: RedisAddress, keys: RedisKeys,
    options: Options = Options(), logger: Logger,
    handler: @escaping @Sendable (Event) -> Void
  ) {
    self.address = address
    self.keys = keys
    self.options = options
    self.logger = logger
    self.handler = handler
  }

  /// Starts the thread. To be called once.
  package func start() {
    startThread(name: "change-stream") { [self] in
      var tail = ChangeStreamTail(
        address: address, keys: keys, options: options, logger: logger, reader: self, emit: handler)
      tail.run()
    }
  }

  /// Ends the thread soon; an event may still come meanwhile.
  package func stop() {
    isStopping.store(true, ordering: .releasing)
    wakeup.ring()
  }

  /// Entries that could not be read and were passed over.
  package var undecodableEntryCount: Int { undecodable.load(ordering: .relaxed) }
}
