import Synchronization

/// What a limiter says to one request.
package struct RateVerdict: Equatable, Sendable {
  package var isAllowed: Bool
  /// How many more could come now.
  package var remaining: Int
  /// Until all of the burst is there again, or, when refused, until one more may come.
  package var waitMicroseconds: Double
}

/// One limit for many callers, by the generic cell rate algorithm (GCRA): of each there is only the time
/// at which it would have used up all that it may, its *debt* counted from now.
///
/// It decides by itself, with no look at anybody else. What its gateway granted is told to the others, and
/// what they granted learned, by settling: `unsettled` gives what is to be told, `settle` takes what all
/// gateways together have granted. While nobody can be reached (`isAlone`), it grants its share only.
package final class RateLimiter: Sendable {
  /// What of one caller is to be told.
  package struct Spending: Equatable, Sendable {
    package var key: String
    package var count: Int
    /// How long ago the first of them was granted, in µs.
    package var age: Double
    /// What is held against the caller here, in µs from now; below 0: it could have come so much earlier.
    package var debt: Double

    package init(key: String, count: Int, age: Double, debt: Double) {
      self.key = key
      self.count = count
      self.age = age
      self.debt = debt
    }
  }

  fileprivate struct Entry {
    /// In µs of this process's clock.
    var usedUpAt: Double
    /// Granted and not told yet.
    var unsettled = 0
    /// When the first of these was granted.
    var unsettledSince = 0.0
    /// Asked since it was told last: its debt is of interest.
    var isAsked = false
  }

  fileprivate struct State {
    /// Two generations, so that who hasn't asked for longest is forgotten first, at no cost a request.
    var young: [String: Entry] = [:]
    var old: [String: Entry] = [:]
    var asked: [String] = []
    var forgotten = 0
    /// 1, or by how many gateways the limit is shared while they can't settle.
    var share = 1.0
  }

  package let quota: RateQuota
  /// Callers that are remembered; one that is forgotten begins anew, and is remembered again at the next settling.
  package let keyLimit: Int
  private let state = Mutex(State())

  package init(quota: RateQuota, keyLimit: Int = 65_536) {
    self.quota = quota
    self.keyLimit = keyLimit
  }

  /// Grants one, or several at once, if they may be. More than fit into the burst are granted when all of it is
  /// there, and then weigh on what comes after: else no time would ever be theirs.
  ///
  /// - Parameters:
  ///   - now: µs of a clock that never goes back.
  ///   - isSpent: false only asks.
  package func ask(
    _ key: String, at now: Double, count: Int = 1, isSpent: Bool = true
  ) -> RateVerdict {
    state.withLock { state in
      var entry = state.entry(key) ?? Entry(usedUpAt: now)
      let interval = quota.interval * state.share
      let start = max(entry.usedUpAt, now)
      let ahead = start - now
      let room = max(0, quota.tolerance - Double(count - 1) * interval)
      let isAllowed = ahead <= room + Self.rounding
      if isAllowed && isSpent {
        entry.usedUpAt = start + Double(count) * interval
        if entry.unsettled == 0 { entry.unsettledSince = now }
        entry.unsettled += count
      }
      if !entry.isAsked {
        entry.isAsked = true
        state.asked.append(key)
      }
      state.keep(entry, of: key, limit: keyLimit)
      let debt = max(entry.usedUpAt, now) - now
      let left = (quota.tolerance + interval - debt) / interval
      return RateVerdict(
        isAllowed: isAllowed, remaining: max(0, Int(left + 0.000_1)),
        waitMicroseconds: isAllowed ? debt : ahead - room)
    }
  }

  /// What it would say to one more, for whom it holds nothing if they never asked: the answer is only there
  /// when it is no.
  package func refusal(of key: @autoclosure () -> String, at now: Double) -> RateVerdict? {
    state.withLock { state -> RateVerdict? in
      if state.young.isEmpty && state.old.isEmpty { return nil }
      guard let entry = state.entry(key()) else { return nil }
      let wait = entry.usedUpAt - now - quota.tolerance
      if wait <= Self.rounding { return nil }
      return RateVerdict(isAllowed: false, remaining: 0, waitMicroseconds: wait)
    }
  }

  /// What others should hear, and whose debts should be asked for: at most `limit` callers a time.
  package func unsettled(limit: Int, at now: Double) -> [Spending] {
    state.withLock { state in
      let keys = state.asked.prefix(limit)
      state.asked.removeFirst(keys.count)
      return keys.compactMap { key in
        state.change(key) { entry in
          defer { (entry.unsettled, entry.isAsked) = (0, false) }
          return Spending(
            key: key, count: entry.unsettled,
            age: entry.unsettled == 0 ? 0 : min(now - entry.unsettledSince, Self.ageLimit),
            debt: entry.usedUpAt - now)
        }
      }
    }
  }

  /// Takes in what all gateways together hold.
  ///
  /// - Parameters:
  ///   - debts: in µs, in the order of `spendings`.
  ///   - told: when these were given.
  package func settle(_ spendings: [Spending], debts: [Double], told: Double) {
    state.withLock { state in
      for (spending, debt) in zip(spendings, debts) {
        state.change(spending.key) { entry in
          entry.usedUpAt = told + debt + Double(entry.unsettled) * quota.interval
        }
      }
    }
  }

  /// They couldn't be told; most of it will be, next time. What is older than a second isn't: it would be
  /// held against callers for as long as the others couldn't be reached.
  package func unsettle(_ spendings: [Spending], told now: Double) {
    let most = quota.burst + Int(1_000_000 / quota.interval)
    state.withLock { state in
      for spending in spendings {
        let isNew = state.change(spending.key) { entry in
          if spending.count > 0 { entry.unsettledSince = min(now - spending.age, now) }
          entry.unsettled = min(most, entry.unsettled + spending.count)
          defer { entry.isAsked = true }
          return !entry.isAsked
        }
        if isNew == true { state.asked.append(spending.key) }
      }
    }
  }

  /// - Parameter gateways: among how many the limit is shared out; 1 while they settle.
  package func share(among gateways: Int) {
    state.withLock { $0.share = Double(max(1, gateways)) }
  }

  package var keyCount: Int { state.withLock { $0.young.count + $0.old.count } }

  /// Callers that were forgotten before their debt was over, for want of room.
  package var forgottenCount: Int { state.withLock { $0.forgotten } }

  /// What was granted longer ago counts from then on.
  private static let ageLimit = 1_000_000.0

  /// Times are sums of fractions.
  private static let rounding = 0.01
}

extension RateLimiter.State {
  fileprivate func entry(_ key: String) -> RateLimiter.Entry? { young[key] ?? old[key] }

  fileprivate mutating func keep(_ entry: RateLimiter.Entry, of key: String, limit: Int) {
    if young.updateValue(entry, forKey: key) != nil { return }
    old[key] = nil
    guard young.count * 2 > limit else { return }
    forgotten += old.count
    old = young
    young = [:]
    asked = asked.filter { old[$0] != nil }
  }

  fileprivate mutating func change<Result>(
    _ key: String, _ body: (inout RateLimiter.Entry) -> Result
  ) -> Result? {
    if young[key] != nil { return body(&young[key]!) }
    if old[key] != nil { return body(&old[key]!) }
    return nil
  }
}
