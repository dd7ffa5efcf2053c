import Domain
import Glibc
import Synchronization
import Threads
import Trust
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
  /// Those that announce themselves now.
  case gateways([GatewayAnnouncement])
  /// What became of feedback.
  case answers([FeedbackAnswer])
  /// How to rank from now on.
  case ranking(Weights, NewcomerPolicy)
  /// Say goodbye, finish, end.
  case stop
}

/// An answer to a feedback, for the gateway that asked.
struct FeedbackAnswer: Sendable {
  var record: Record
  var gateway: Int
}

/// The way to the index thread: a list swapped whole, and a bell.
final class IndexInbox: Sendable {
  /// What a thread that reads changes may have waiting before it pauses. The stream keeps the rest, and a
  /// scorer that falls too far behind loads everything anew.
  private static let pausingCount = 64
  private static let pauseMicroseconds: UInt32 = 1_000

  private struct State {
    var events: [IndexEvent] = []
    var isClosed = false
  }

  let wakeup = Wakeup()
  let pulse = IndexPulse()
  private let state = Mutex(State())

  func post(_ event: IndexEvent) {
    state.withLock { if !$0.isClosed { $0.events.append(event) } }
    wakeup.ring()
  }

  /// For a thread of its own: waits while much waits already.
  func postPausing(_ event: IndexEvent) {
    while state.withLock({ !$0.isClosed && $0.events.count >= Self.pausingCount }) {
      usleep(Self.pauseMicroseconds)
    }
    post(event)
  }

  /// How much waits: whoever posts a lot slows down by it.
  var count: Int { state.withLock { $0.events.count } }

  func takeAll() -> [IndexEvent] {
    state.withLock { state in
      defer { state.events = [] }
      return state.events
    }
  }

  /// Nobody takes anything any more.
  func close() {
    state.withLock { state in
      state.isClosed = true
      state.events = []
    }
  }
}
