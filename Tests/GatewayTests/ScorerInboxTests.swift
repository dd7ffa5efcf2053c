import Domain
import Synchronization
import Testing

@testable import ScorerClient

@Suite("Asking scorers with an inbox")
struct ScorerInboxTests {
  private final class Inbox: DispatchInbox {
    let received = Mutex<[Int: Result<MatchReply, DispatchError>]>([:])
    let repeatedCount = Mutex(0)

    var count: Int { received.withLock { $0.count } }

    func deliver(_ deliveries: [DispatchDelivery]) {
      for delivery in deliveries {
        let former = received.withLock {
          $0.updateValue(MatchReply.from(delivery.outcome), forKey: delivery.call)
        }
        if former != nil { repeatedCount.withLock { $0 += 1 } }
      }
    }
  }

  private func calls(_ range: Range<Int>, deadline: Int = 10_000) -> [DispatchCall] {
    range.map { call in
      DispatchCall(
        call: call, message: .matchRequest(MatchQuery(jobID: "job-\(call)")),
        deadlineMilliseconds: deadline,
        after: StreamID(milliseconds: UInt64(call), sequence: 1))
    }
  }

  @Test("Each call gets its own answer, once, in whichever inbox it asked with")
  func answers() async throws {
    try await withScorerClient { client, endpoint in
      let scorers = ["one", "two"].map { TestScorer($0, gateway: endpoint) }
      let inboxes = [Inbox(), Inbox()]
      for start in stride(from: 0, to: 2_000, by: 100) {
        for inbox in inboxes { client.ask(calls(start..<start + 100), inbox: inbox) }
      }
      for inbox in inboxes {
        #expect(await comesTrue { inbox.count == 2_000 })
        let received = inbox.received.withLock { $0 }
        for call in 0..<2_000 {
          let applied = try received[call]?.get().applied
          #expect(applied == StreamID(milliseconds: UInt64(call), sequence: 1))
        }
        #expect(inbox.repeatedCount.withLock { $0 } == 0)
      }
      for scorer in scorers { scorer.become(.dead) }
      for scorer in scorers { #expect(await comesTrue { scorer.isEnded }) }
    }
  }

  @Test("With no scorer they fail at their deadline, and at once when nobody listens any more")
  func failures() async throws {
    let inbox = Inbox()
    var ended: ScorerClient?
    try await withScorerClient { client, _ in
      ended = client
      client.ask(calls(0..<10, deadline: 20), inbox: inbox)
      #expect(await comesTrue { inbox.count == 10 })
      client.ask(calls(10..<20, deadline: 60_000), inbox: inbox)
    }
    #expect(inbox.count == 20)
    ended?.ask(calls(20..<30), inbox: inbox)
    let received = inbox.received.withLock { $0 }
    #expect(received.count == 30)
    for outcome in received.values {
      guard case .failure(.noScorer) = outcome else {
        Issue.record("\(outcome)")
        continue
      }
    }
  }
}
