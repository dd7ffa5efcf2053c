import Domain

/// Takes the answers to many matches at once: those of one event loop, say.
package protocol DispatchInbox: AnyObject, Sendable {
  /// Called from any thread; a turn of the router's thread calls it once at most.
  func deliver(_ deliveries: [MatchDelivery])
}

/// What became of one match.
package struct MatchDelivery: Sendable {
  /// The call that the inbox's owner asked with.
  package var call: Int
  package var outcome: Result<MatchReply, DispatchError>
}

/// A match that is asked with an inbox.
package struct MatchCall: Sendable {
  /// Whatever the inbox's owner knows it by.
  package var call: Int
  package var query: MatchQuery
  package var deadlineMilliseconds: Int
  /// What the answer must have seen of the change stream.
  package var after: StreamID

  package init(call: Int, query: MatchQuery, deadlineMilliseconds: Int, after: StreamID) {
    self.call = call
    self.query = query
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
    var deliveries: [MatchDelivery]
  }

  /// As many as there are event loops, so a walk finds the right one.
  private var batches: [Batch] = []

  mutating func add(_ outcome: DispatchOutcome, for waiter: DispatchWaiter) {
    switch waiter {
    case .task(let continuation): continuation.resume(returning: outcome)
    case .inbox(let inbox, let call):
      let delivery = MatchDelivery(call: call, outcome: MatchReply.from(outcome))
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
