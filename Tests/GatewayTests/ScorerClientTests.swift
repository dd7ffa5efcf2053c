import Domain
import Logging
import ServiceLifecycle
import Testing
import Wire

@testable import ScorerClient

@Suite("Asking scorers over real sockets")
struct ScorerClientTests {
  private let query = MatchQuery(jobID: "job")

  private func usableCount(_ client: ScorerClient) -> Int {
    client.snapshot().count { $0.isUsable }
  }

  /// Asks `count` matches at once.
  private func askMany(
    _ count: Int, _ client: ScorerClient, deadline: Int = 10_000
  ) async -> [Result<MatchReply, DispatchError>] {
    await withTaskGroup(of: Result<MatchReply, DispatchError>.self) { group in
      for index in 0..<count {
        group.addTask {
          do throws(DispatchError) {
            return .success(
              try await client.match(
                MatchQuery(jobID: "job-\(index)"), deadlineMilliseconds: deadline,
                after: StreamID(milliseconds: UInt64(index), sequence: 1)))
          } catch {
            return .failure(error)
          }
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
  }

  @Test("a match and a feedback go to a scorer and back")
  func roundTrip() async throws {
    try await withScorerClient { client, endpoint in
      let scorer = TestScorer("one", gateway: endpoint)
      let after = StreamID(milliseconds: 3, sequence: 4)
      let match = try await client.match(query, deadlineMilliseconds: 10_000, after: after)
      #expect(match.scorerID == "one")
      #expect(match.applied == after)
      let report = FeedbackReport(
        coordinator: "c", jobID: "j", minerID: MinerID("m")!, outcome: .completed)
      let feedback = try await client.feedback(report, deadlineMilliseconds: 10_000)
      #expect(feedback.receipt.trustScore == 0.6)
      #expect(await comesTrue { client.snapshot().first?.beat.onlineMiners == 3 })
      #expect(await comesTrue { client.counters().answered == 2 })
      scorer.become(.dead)
      #expect(await comesTrue { scorer.isEnded })
    }
  }

  @Test("the largest batch there can be goes to a scorer and back, in its order")
  func largestBatch() async throws {
    try await withScorerClient { client, endpoint in
      let scorer = TestScorer("one", gateway: endpoint)
      let excluded = (0..<60).map { number in
        MinerID("\(number)" + String(repeating: "x", count: Limits.minerIDBytes - 2))!
      }
      let queries = Limits.batchCount.map { number in
        var query = MatchQuery(jobID: "job-\(number)")
        query.topK = Limits.topK.upperBound
        query.exclude = excluded
        return query
      }
      let reply = try await client.match(
        batch: queries, deadlineMilliseconds: 60_000, after: .zero)
      #expect(reply.answers.count == 256)
      for (query, answer) in zip(queries, reply.answers) {
        #expect(answer.candidates.count == 50)
        #expect(answer.text.count > 50 * 1_500)
        let text = String(decoding: answer.text, as: UTF8.self)
        #expect(text.contains(#""addr":"\#(query.jobID)\""#))
      }
      #expect(await comesTrue { client.counters().answered == 1 })
      scorer.become(.dead)
      #expect(await comesTrue { scorer.isEnded })
    }
  }

  @Test("thousands at once are all answered, each with its own answer, by every scorer")
  func many() async throws {
    try await withScorerClient { client, endpoint in
      let scorers = ["one", "two", "three"].map { TestScorer($0, gateway: endpoint) }
      #expect(await comesTrue { usableCount(client) == 3 })
      let replies = await askMany(3_000, client)
      let applied = Set(replies.compactMap { try? $0.get().applied.milliseconds })
      #expect(applied.count == 3_000)
      for scorer in scorers { #expect(scorer.answeredCount > 0) }
      for scorer in scorers { scorer.become(.dead) }
      #expect(await comesTrue { scorers.allSatisfy(\.isEnded) })
    }
  }

  @Test(
    "what a killed, frozen or leaving scorer held is answered, none is lost",
    arguments: [TestScorer.Mood.dead, .frozen, .leaving])
  func lostScorer(mood: TestScorer.Mood) async throws {
    try await withScorerClient { client, endpoint in
      let first = TestScorer("first", gateway: endpoint, mood: .holding)
      #expect(await comesTrue { usableCount(client) == 1 })
      async let asked = askMany(40, client)
      #expect(await comesTrue { first.heldCount == 40 })
      let second = TestScorer("second", gateway: endpoint)
      #expect(await comesTrue { usableCount(client) == 2 })
      first.become(mood)
      let replies = await asked
      let answerers = Set(replies.compactMap { try? $0.get().scorerID })
      #expect(replies.allSatisfy { (try? $0.get()) != nil })
      #expect(answerers.isSubset(of: mood == .leaving ? ["first", "second"] : ["second"]))
      for scorer in [first, second] { scorer.become(.dead) }
      #expect(await comesTrue { first.isEnded && second.isEnded })
    }
  }

  @Test("what a scorer holds that is cut off is answered elsewhere in a second")
  func cutOff() async throws {
    try await withScorerClient { client, endpoint in
      let port = try #require(endpoint.split(separator: ":").last.flatMap { Int($0) })
      let line = try CuttableLine(to: port)
      let far = TestScorer("far", gateway: "tcp://127.0.0.1:\(line.port)", mood: .holding)
      #expect(await comesTrue { usableCount(client) == 1 })
      async let asked = askMany(40, client)
      #expect(await comesTrue { far.heldCount == 40 })
      let near = TestScorer("near", gateway: endpoint)
      #expect(await comesTrue { usableCount(client) == 2 })
      line.cut()
      let start = ContinuousClock.now
      let replies = await asked
      #expect(ContinuousClock.now - start < .seconds(1))
      #expect(replies.allSatisfy { (try? $0.get().scorerID) == "near" })
      #expect(usableCount(client) == 1)
      let after = await askMany(20, client)
      #expect(after.allSatisfy { (try? $0.get().scorerID) == "near" })
      far.become(.answering)
      line.mend()
      #expect(await comesTrue { usableCount(client) == 2 })
      for scorer in [far, near] { scorer.become(.dead) }
      #expect(await comesTrue { far.isEnded && near.isEnded })
      line.end()
    }
  }

  @Test("a frozen scorer that thaws is asked again")
  func thaws() async throws {
    try await withScorerClient { client, endpoint in
      let scorer = TestScorer("one", gateway: endpoint)
      #expect(await comesTrue { usableCount(client) == 1 })
      scorer.become(.frozen)
      #expect(await comesTrue { client.snapshot().first?.state == .silent })
      scorer.become(.answering)
      let reply = try await client.match(query, deadlineMilliseconds: 10_000, after: .zero)
      #expect(reply.scorerID == "one")
      scorer.become(.dead)
      #expect(await comesTrue { scorer.isEnded })
    }
  }

  @Test("an answer held back fails at the deadline; so does a request with nobody to ask")
  func deadline() async throws {
    try await withScorerClient { client, endpoint in
      #expect(await askMany(1, client, deadline: 30) == [.failure(.noScorer)])
      let scorer = TestScorer("one", gateway: endpoint, mood: .holding)
      #expect(await comesTrue { usableCount(client) == 1 })
      #expect(await askMany(1, client, deadline: 30) == [.failure(.deadline)])
      #expect(await comesTrue { client.counters().expired == 2 })
      scorer.become(.dead)
      #expect(await comesTrue { scorer.isEnded })
    }
  }

  @Test("a scorer's refusal becomes the caller's error")
  func refusal() async throws {
    try await withScorerClient { client, endpoint in
      let scorer = TestScorer("one", gateway: endpoint)
      scorer.state.withLock { $0.failure = .storeUnavailable }
      #expect(await askMany(1, client) == [.failure(.storeUnavailable)])
      scorer.become(.dead)
      #expect(await comesTrue { scorer.isEnded })
    }
  }

  @Test("past every limit callers are refused at once")
  func overloaded() async throws {
    var limits = DispatchLimits()
    limits.inFlightLimit = 5
    limits.queueLimit = 10
    try await withScorerClient(limits: limits) { client, endpoint in
      let scorer = TestScorer("one", gateway: endpoint, mood: .holding)
      #expect(await comesTrue { usableCount(client) == 1 })
      async let asked = askMany(40, client)
      #expect(await comesTrue { client.counters().overloaded == 25 && scorer.heldCount == 5 })
      scorer.become(.answering)
      let replies = await asked
      #expect(replies.count { $0 == .failure(.overloaded) } == 25)
      #expect(replies.count { (try? $0.get()) != nil } == 15)
      scorer.become(.dead)
      #expect(await comesTrue { scorer.isEnded })
    }
  }

  @Test("a graceful shutdown answers what is in flight, and refuses what comes after")
  func gracefulShutdown() async throws {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let client = ScorerClient(
      configuration: .init(endpoint: "tcp://127.0.0.1:*", gatewayID: "g"), logger: logger)
    let group = ServiceGroup(
      configuration: .init(services: [.init(service: client)], logger: logger))
    async let run: Void = group.run()
    #expect(await comesTrue { client.boundEndpoint != nil })
    let scorer = TestScorer("one", gateway: client.boundEndpoint ?? "", mood: .holding)
    #expect(await comesTrue { usableCount(client) == 1 })
    async let asked = askMany(10, client)
    #expect(await comesTrue { scorer.heldCount == 10 })
    await group.triggerGracefulShutdown()
    // A scorer that leaves answers what it held: so in-flight requests end, and with them the
    // client.
    scorer.become(.leaving)
    #expect(await asked.allSatisfy { (try? $0.get())?.scorerID == "one" })
    try await run
    #expect(await askMany(1, client) == [.failure(.noScorer)])
    #expect(client.boundEndpoint == nil)
    #expect(await comesTrue { scorer.isEnded })
  }
}
