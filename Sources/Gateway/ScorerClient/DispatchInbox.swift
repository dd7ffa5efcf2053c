import Domain

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

/// A report that is handed in with an inbox.
package struct FeedbackCall: Sendable {
  /// Whatever the inbox's owner knows it by.
  package var call: Int
  package var report: FeedbackReport
  package var deadlineMilliseconds: Int

  package init(call: Int, report: FeedbackReport, deadlineMilliseconds: Int) {
    self.call = call
    self.report = report
    self.deadlineMilliseconds = deadlineMilliseconds
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
