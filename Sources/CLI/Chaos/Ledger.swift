import Domain
import Synchronization

/// What was asked of the hub and what it acknowledged, written down by those who asked. Everything that is
/// audited at the end starts here.
package final class Ledger: Sendable {
  /// A report that the hub must know exactly once.
  package struct Feedback: Hashable, Sendable {
    package var jobID: String
    package var minerID: String
    package var outcome: Outcome

    package init(jobID: String, minerID: String, outcome: Outcome) {
      self.jobID = jobID
      self.minerID = minerID
      self.outcome = outcome
    }
  }

  /// What the hub must know of a miner that registered.
  package struct Registration: Equatable, Sendable {
    /// The last that was acknowledged; nil: any.
    package var price: Price?
    /// Of registrations that no answer came to: whoever didn't wait for one may find it carried out later
    /// than what was asked after it.
    package var unansweredPrices: Set<Price> = []

    package init(price: Price?, unansweredPrices: Set<Price> = []) {
      self.price = price
      self.unansweredPrices = unansweredPrices
    }
  }

  private struct State {
    var feedback: Set<Feedback> = []
    var registrations: [String: Registration] = [:]
    var unansweredPrices: [String: Set<Price>] = [:]
    var registrationCount = 0
    var refusals: [String] = []
    var staleCandidates: [String] = []
    var attendance: Attendance
    var matches = MatchTally()
  }

  /// Answers that no fault excuses are written down up to so many.
  private static let noteLimit = 20

  private let state: Mutex<State>

  package init(gateways: Int, leaseMilliseconds: Int64) {
    state = Mutex(
      State(attendance: Attendance(gateways: gateways, leaseMilliseconds: leaseMilliseconds)))
  }

  // MARK: Feedback and registrations

  package func acknowledged(_ feedback: Feedback) {
    state.withLock { _ = $0.feedback.insert(feedback) }
  }

  /// - Parameter price: what it said of itself; nil when nobody needs to look.
  package func acknowledgedRegistration(of minerID: String, price: Price?) {
    state.withLock { state in
      state.registrations[minerID] = Registration(price: price)
      state.registrationCount += 1
    }
  }

  /// No answer came to a registration at this price: it may be carried out yet.
  package func unansweredRegistration(of minerID: String, price: Price) {
    state.withLock { _ = $0.unansweredPrices[minerID, default: []].insert(price) }
  }

  /// An answer to feedback or a registration that nothing excuses: neither 200 nor 503.
  package func refused(_ what: String) {
    state.withLock { state in
      if state.refusals.count < Self.noteLimit { state.refusals.append(what) }
    }
  }

  package var feedback: Set<Feedback> { state.withLock { $0.feedback } }
  package var registrations: [String: Registration] {
    state.withLock { state in
      var registrations = state.registrations
      for (minerID, prices) in state.unansweredPrices {
        registrations[minerID]?.unansweredPrices = prices
      }
      return registrations
    }
  }
  package var registrationCount: Int { state.withLock { $0.registrationCount } }
  package var refusals: [String] { state.withLock { $0.refusals } }
  package var staleCandidates: [String] { state.withLock { $0.staleCandidates } }

  // MARK: Signs of life

  package func sign(of minerID: String, through gateway: Int, at time: Timestamp) {
    state.withLock { $0.attendance.sign(of: minerID, through: gateway, at: time) }
  }

  /// A gateway reads now what waited for it since it was stopped.
  package func resumed(gateway: Int, stoppedAt: Timestamp, now: Timestamp) {
    state.withLock { $0.attendance.resumed(gateway: gateway, stoppedAt: stoppedAt, now: now) }
  }

  /// While this holds, some scorer's lease clock may stand still.
  package func leaseClocksMayStandStill(_ mayStand: Bool, at now: Timestamp) {
    state.withLock { $0.attendance.leaseClocksMayStandStill(mayStand, at: now) }
  }

  // MARK: Matches

  package func sentMatch(at now: ContinuousClock.Instant) {
    state.withLock { $0.matches.sent(at: now) }
  }

  /// - Parameters:
  ///   - status: nil when no gateway answered in time.
  ///   - sentAt: when it was asked.
  ///   - candidates: the miners in the answer.
  package func endedMatch(
    status: Int?, sentAt: Timestamp, candidates: [String], at now: ContinuousClock.Instant
  ) {
    state.withLock { state in
      state.matches.ended(status: status, at: now)
      for minerID in candidates where state.attendance.isStale(minerID, at: sentAt) {
        if state.staleCandidates.count < Self.noteLimit { state.staleCandidates.append(minerID) }
      }
    }
  }

  /// The fault that matches from now on are counted under; nil: none.
  package func nowUnder(_ fault: Fault?) { state.withLock { $0.matches.fault = fault } }

  package var matches: MatchTally { state.withLock { $0.matches } }
}
