import Chaos
import Domain
import JSON
import Testing
import Trust

/// A hub that did everything right; each test plants one thing that is wrong.
@Suite("The audit at the end")
struct AuditTests {
  private static let names = ["scorer-1", "scorer-2", "scorer-fresh"]
  private let moment = Timestamp(milliseconds: 1_000_000)
  private let ids = ["m1", "m2"].map { MinerID($0)! }
  private var stored = StoredState()
  private var acknowledged: Set<Ledger.Feedback> = []
  private var registrations: [String: Ledger.Registration] = [:]
  private var holdings: [String: [MinerHolding]] = [:]

  init() {
    var replay = TrustReplay()
    for (number, outcome) in [Outcome.completed, .failed, .accepted].enumerated() {
      let feedback = Ledger.Feedback(jobID: "j\(number)", minerID: "m1", outcome: outcome)
      acknowledged.insert(feedback)
      stored.feedback[feedback] = 1
      let report = TrustReplay.Report(
        minerID: ids[0], coordinator: "c", outcome: outcome,
        weight: TrustRule.standard.weight(of: outcome), recordedAt: moment)
      stored.reports.append(report)
      replay.count(report)
    }
    for id in ids {
      registrations[id.text] = Ledger.Registration(price: Price(units: 5))
      stored.miners[id] = StoredState.Miner(
        version: 3, price: Price(units: 5), trust: replay.trust(of: id))
    }
    let held = ids.map { id in
      MinerHolding(
        id: id, recordVersion: 3, isLive: true, price: Price(units: 5), maxParallel: 1,
        trust: replay.trust(of: id),
        status: StatusPatch(at: moment, leaseMilliseconds: id == ids[0] ? 6_000 : 0))
    }
    for name in Self.names { holdings[name] = held }
  }

  private func audit() -> Audit {
    var audit = Audit()
    audit.compare(acknowledged: acknowledged, with: stored)
    audit.compare(acknowledged: registrations, with: stored)
    audit.replayTrust(of: stored)
    audit.compare(scorers: holdings, with: stored, onlineAt: moment)
    return audit
  }

  @Test("finds nothing where nothing is wrong")
  func clean() {
    var expected = Audit()
    expected.comparedMiners = 2
    expected.comparedSigns = 1
    #expect(audit() == expected)
  }

  @Test("an acknowledged report that isn't stored is lost")
  mutating func lost() {
    acknowledged.insert(Ledger.Feedback(jobID: "gone", minerID: "m1", outcome: .failed))
    #expect(audit().lostFeedback == 1)
    #expect(audit().notes.count == 1)
  }

  @Test("a report that is stored twice is doubled, acknowledged or not")
  mutating func doubled() {
    stored.feedback[Ledger.Feedback(jobID: "twice", minerID: "m2", outcome: .failed)] = 2
    #expect(audit().doubledFeedback == 1)
    #expect(audit().lostFeedback == 0)
  }

  @Test("a registration is lost when it isn't there, or is there at an older price")
  mutating func registration() {
    registrations["m3"] = Ledger.Registration(price: nil)
    registrations["m2"]?.price = Price(units: 6)
    registrations["m1"]?.price = nil
    #expect(audit().lostRegistrations == 2)
    registrations["m2"]?.unansweredPrices = [Price(units: 5)]
    #expect(audit().lostRegistrations == 1)
  }

  @Test("trust that its feedback doesn't make is a difference, by its last bit")
  mutating func trust() throws {
    var miner = try #require(stored.miners[ids[0]])
    miner.trust.score = miner.trust.score.nextUp
    stored.miners[ids[0]] = miner
    #expect(audit().trustDifferences == 1)
    // And no scorer holds that.
    #expect(audit().scorerDifferences == 1)
  }

  @Test("a miner that one scorer doesn't know, or knows by an older record, is a difference")
  mutating func records() {
    holdings["scorer-2"]?.removeLast()
    holdings["scorer-fresh"]?[0].recordVersion = 2
    #expect(audit().scorerDifferences == 2)
  }

  @Test("another trust in one scorer is a difference")
  mutating func heldTrust() {
    holdings["scorer-1"]?[1].trust.version += 1
    #expect(audit().scorerDifferences == 1)
  }

  @Test(
    "another sign of life in one scorer is a difference, but not of a miner that is offline in all")
  mutating func signs() {
    holdings["scorer-2"]?[1].status?.queueLength = 4
    #expect(audit().scorerDifferences == 0)
    holdings["scorer-2"]?[0].status?.queueLength = 4
    #expect(audit().scorerDifferences == 1)
    holdings["scorer-2"]?[1].status?.leaseMilliseconds = 1
    #expect(audit().scorerDifferences == 2)
    holdings["scorer-1"]?[1].status = nil
    #expect(audit().scorerDifferences == 2)
  }

  @Test("the report is the JSON that was agreed on, and wrong in words")
  mutating func report() throws {
    acknowledged.insert(Ledger.Feedback(jobID: "gone", minerID: "m1", outcome: .failed))
    var report = ChaosReport(seed: 42)
    #expect(report.wrongs == [])
    #expect(report.missedAims == [])
    report.audit = audit()
    #expect(report.audit.comparedSigns == 1)
    report.feedbackAcknowledged = acknowledged.count
    report.registrationsAcknowledged = 2
    report.staleCandidates = ["m2"]
    report.faults = [
      (.redisKilled, .milliseconds(800)), (.redisKilled, .seconds(6)),
      (.scorerStopped, .seconds(7)),
    ]
    let expected =
      #"{"seed":42,"matches":{"sent":0,"answered":0,"refused":0,"failed":0,"longest_gap_ms":0},"#
      + #""feedback":{"acknowledged":4,"lost":1,"doubled":0},"#
      + #""registrations":{"acknowledged":2,"lost":0},"trust_differences":0,"#
      + #""scorer_differences":0,"stale_candidates":1,"#
      + #""recovery_ms":{"redis_killed":6000,"scorer_stopped":7000}}"#
    #expect(report.json == expected)
    #expect(report.wrongs == ["1 acknowledged reports are lost", "1 candidates were offline"])
    #expect(report.missedAims == ["6000 ms to recover from redis_killed"])
  }
}
