import Domain
import Wire

/// Takes the answers to many requests at once: those of one event loop, say.
package protocol DispatchInbox: AnyObject, Sendable {
  /// Called from any thread; a turn of the router's thread calls it once at most.
  func deliver(_ deliveries: [DispatchDelivery])
}

/// What became of one request.
package struct DispatchDelivery: Sendable {
  /// The call that the inbox's owner asked with.
  package var call: Int
  package var outcome: DispatchOutcome
}

/// A match or a report that is asked with an inbox.
package struct DispatchCall: Sendable {
  /// Whatever the inbox's owner knows it by.
  package var call: Int
  /// `matchRequest` or `feedbackRequest`.
  package var message: Message
  package var deadlineMilliseconds: Int
  /// What a match's answer must have seen of the change stream.
  package var after: StreamID

  package init(
    call: Int, message: Message, deadlineMilliseconds: Int, after: StreamID = .zero
  ) {
    self.call = call
    self.message = message
    self.deadlineMilliseconds = deadlineMilliseconds
    self.after = after
  }
}

/// Who waits for an outcome.
enum DispatchWaiter: Sendable {
  case task(CheckedContinuation<DispatchOutcome, Never>)
  case inbox(any DispatchInbox, call: Int)
}

/// The outcomes of one turn: tasks go on at once, inboxes get theirs together at its end.
struct DispatchDeliveries {
  private struct Batch {
    var inbox: any DispatchInbox
    var deliveries: [DispatchDelivery]
  }

  /// As many as there are event loops, so a walk finds the right one.
  private var batches: [Batch] = []

  mutating func add(_ outcome: DispatchOutcome, for waiter: DispatchWaiter) {
    switch waiter {
    case .task(let continuation): continuation.resume(returning: outcome)
    case .inbox(let inbox, let call):
      let delivery = DispatchDelivery(call: call, outcome: outcome)
      if let place = batches.firstIndex(where: { $0.inbox === inbox }) {
        batches[place].deliveries.append(delivery)
      } else {
        batches.append(Batch(inbox: inbox, deliveries: [delivery]))
      }
    }
  }

  mutating func deliver() {
    if batches.isEmpty { return }
    for batch in batches { batch.inbox.deliver(batch.deliveries) }
    batches.removeAll(keepingCapacity: true)
  }
}
