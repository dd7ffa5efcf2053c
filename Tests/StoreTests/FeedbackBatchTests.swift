import Domain
import Testing
import Trust

@testable import Feedback

@Suite("What becomes of a batch of feedback")
struct FeedbackBatchTests {
  private let now = SampleMiners.now
  private let m1 = SampleMiners.id("m1")

  private func report(
    _ job: String, _ outcome: Outcome = .completed, key: String? = nil, miner: MinerID? = nil,
    isProven: Bool = true
  ) -> FeedbackReport {
    var report = FeedbackReport(
      coordinator: "c", jobID: job, minerID: miner ?? m1, outcome: outcome)
    report.idempotencyKey = key
    report.offer = isProven ? ProvenOffer(madeAt: now, price: Price(units: 5)) : nil
    return report
  }

  private func batch(
    keys: [FeedbackBatch.KeyName: FeedbackBatch.KeyUse] = [:],
    coordinators: [String: DailyEvidence] = [:]
  ) -> FeedbackBatch {
    FeedbackBatch(
      miners: [m1: MinerEvidence()], coordinators: coordinators, counted: [:], keys: keys,
      now: now, ids: Array(1...99), rule: .standard)
  }

  @Test("Reports count in their order, each seeing the ones before it")
  func order() throws {
    var batch = batch()
    let first = try batch.record(report("a")).get()
    let second = try batch.record(report("b", .failed)).get()
    #expect(first.previousTrustScore == 0.5 && first.trustScore == 0.6)
    #expect(second.previousTrustScore == 0.6 && second.trustScore == 0.5)
    #expect(batch.newReports.map(\.counted.id) == [1, 2])
    #expect(batch.newReports.map(\.counted.weight) == [1, 1])
    #expect(batch.miners[m1]?.trust.version == 2)
  }

  @Test("A repetition inside the batch is answered as the first time and counts once")
  func repetition() throws {
    var batch = batch()
    let first = try batch.record(report("a")).get()
    _ = batch.record(report("b", .failed))
    var again = try batch.record(report("a")).get()
    #expect(again.isDuplicate)
    again.isDuplicate = false
    #expect(again == first)
    #expect(batch.newReports.count == 2)
  }

  @Test("Another outcome of the same job is another report")
  func outcomes() throws {
    var batch = batch()
    #expect(try !batch.record(report("a", .accepted)).get().isDuplicate)
    #expect(try !batch.record(report("a", .completed)).get().isDuplicate)
    #expect(batch.newReports.map(\.counted.weight) == [0, 1])
  }

  @Test("A report that no offer proves counts a quarter, and says so when it is repeated")
  func unproven() throws {
    var batch = batch()
    #expect(try batch.record(report("a", isProven: false)).get().evidence == 0.25)
    #expect(try batch.record(report("b", .failed, isProven: false)).get().evidence == 0.25)
    #expect(try batch.record(report("c", .rejected, isProven: false)).get().evidence == 0.0625)
    // Proof that comes later doesn't make it more.
    #expect(try batch.record(report("a")).get().evidence == 0.25)
    #expect(batch.miners[m1]?.trust.good == 0.25)
  }

  @Test("A day has its end for a coordinator and a miner, and for a coordinator")
  func days() throws {
    var batch = batch()
    let given = try (0..<7).map { try batch.record(report("\($0)")).get().evidence }
    #expect(given == [1, 1, 1, 1, 1, 0, 0])
    #expect(try batch.record(report("bad", .failed)).get().evidence == 1)
    #expect(batch.coordinators["c"] == DailyEvidence.none.adding(5, 1, at: now))

    var spent = DailyEvidence.none
    spent.add(9_999.5, for: .completed, at: now)
    var other = self.batch(coordinators: ["c": spent])
    #expect(try other.record(report("a")).get().evidence == 0.5)
    #expect(try other.record(report("b", .failed)).get().evidence == 0)
    #expect(other.changedCoordinators == ["c"])
  }

  @Test("A body without an offer is as it was before there were offers")
  func oldBody() {
    let body = FeedbackBatch.body(of: report("a", isProven: false))
    #expect(body == Array("a\0m1\0completed\0\0\0".utf8))
  }

  @Test("A key stands for one body inside the batch too")
  func keys() throws {
    var batch = batch()
    _ = batch.record(report("a", key: "k"))
    #expect(try batch.record(report("a", key: "k")).get().isDuplicate)
    #expect(batch.record(report("b", key: "k")) == .failure(.keyReusedWithAnotherBody))
    var other = report("a", key: "k")
    other.latencyMilliseconds = 3
    #expect(batch.record(other) == .failure(.keyReusedWithAnotherBody))
  }

  @Test("A refused report takes no key")
  func refusedTakesNoKey() {
    var batch = batch()
    let stranger = SampleMiners.id("stranger")
    #expect(batch.record(report("a", key: "k", miner: stranger)) == .failure(.unknownMiner))
    #expect(batch.newKeys.isEmpty)
    #expect(throws: Never.self) { try batch.record(report("b", key: "k")).get() }
  }

  @Test(
    "A key lives for 24 hours to the millisecond",
    arguments: [(86_399_999, true), (86_400_000, false)] as [(Int64, Bool)])
  func keyLifetime(age: Int64, isAlive: Bool) {
    let name = FeedbackBatch.KeyName(coordinator: "c", key: "k")
    let use = FeedbackBatch.KeyUse(
      body: [1],
      counted: FeedbackBatch.Counted(
        id: 1, minerID: m1, trustBefore: 0.5, trustAfter: 0.6, weight: 1),
      usedAt: now.advanced(byMilliseconds: -age))
    var batch = batch(keys: [name: use])
    let result = batch.record(report("a", key: "k"))
    #expect((result == .failure(.keyReusedWithAnotherBody)) == isAlive)
  }

  @Test("Bodies that differ in one field differ")
  func bodies() {
    var reports = [report("a"), report("b"), report("a", .failed)]
    reports.append(report("a", miner: SampleMiners.id("m2")))
    for change in [
      { $0.latencyMilliseconds = 1 }, { $0.latencyMilliseconds = 1.5 }, { $0.tokensSpent = 1 },
      { $0.failCode = "" }, { $0.failCode = "1" }, { $0.offer = nil },
      { $0.offer?.price = .zero }, { $0.offer?.madeAt = .distantPast },
    ] as [(inout FeedbackReport) -> Void] {
      var changed = report("a")
      change(&changed)
      reports.append(changed)
    }
    #expect(Set(reports.map(FeedbackBatch.body)).count == reports.count)
    #expect(FeedbackBatch.body(of: report("a", key: "k")) == FeedbackBatch.body(of: report("a")))
  }

  @Test("Texts that no database takes are refused one by one", arguments: [0, 1, 2, 3])
  func invalidText(field: Int) {
    var batch = batch()
    for text in ["a\0", String(repeating: "x", count: 513)] {
      var bad = report("a")
      switch field {
      case 0: bad.coordinator = text
      case 1: bad.jobID = text
      case 2: bad.failCode = text
      default: bad.idempotencyKey = text
      }
      #expect(batch.record(bad) == .failure(.invalidText))
    }
    #expect(batch.newReports.isEmpty)
  }
}

extension DailyEvidence {
  fileprivate func adding(_ good: Double, _ bad: Double, at time: Timestamp) -> DailyEvidence {
    var result = self
    result.add(good, for: .completed, at: time)
    result.add(bad, for: .failed, at: time)
    return result
  }
}
