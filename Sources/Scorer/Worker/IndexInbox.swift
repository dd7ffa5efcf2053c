import Domain
import Synchronization
import Threads
import Wire

/// What other threads have for the index thread.
enum IndexEvent: Sendable {
  /// Redis answers, or doesn't.
  case streamReachable(Bool)
  /// Changes in the stream's order; the last one's place.
  case entries([Change], upTo: StreamID)
  /// A snapshot is being loaded; what is applied meanwhile shows once it is whole.
  case snapshotStarted(generation: Int)
  case snapshotPart([Change])
  /// All of it was given: everything up to there, and what came from the stream since, is applied.
  case snapshotLoaded(generation: Int, upTo: StreamID)
  /// An answer to a feedback, for the gateway that asked.
  case answer(Record, gateway: Int)
  /// Say goodbye, finish, end.
  case stop
}

/// The way to the index thread: a list swapped whole, and a bell.
final class IndexInbox: Sendable {
  let wakeup = Wakeup()
  private let events = Mutex<[IndexEvent]>([])

  func post(_ event: IndexEvent) {
    events.withLock { $0.append(event) }
    wakeup.ring()
  }

  /// How much waits: whoever posts a lot slows down by it.
  var count: Int { events.withLock { $0.count } }

  func takeAll() -> [IndexEvent] {
    events.withLock { events in
      defer { events = [] }
      return events
    }
  }
}
