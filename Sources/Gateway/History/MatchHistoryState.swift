import DequeModule
import Domain
import Postgres

/// What a `MatchHistory` keeps under its lock.
struct MatchHistoryState {
  struct Entry: Sendable {
    var coordinator: String
    var matchID: String
    var query: MatchQuery
    var body: [UInt8]
    var answeredAt: Timestamp

    /// About what it takes to hold it.
    var byteCount: Int {
      let texts =
        query.accel.count + query.tagsAny.count + query.tagsAll.count
        + query.capabilitiesAny.count + query.capabilitiesAll.count + query.exclude.count
      return body.count + 512 + texts * 64
    }

    var stored: StoredMatch {
      StoredMatch(
        coordinator: coordinator, jobID: query.jobID, matchID: matchID, answeredAt: answeredAt,
        request: MatchHistoryJSON.request(query), answer: String(decoding: body, as: UTF8.self))
    }
  }

  private(set) var hasEnded = false
  /// Those who wait for the next round of writing.
  var waiters: [CheckedContinuation<Void, Never>] = []
  private var waiting: Deque<Entry> = []
  private var inFlight: [Entry] = []
  private var byteCount = 0
  /// How many more may be taken in before the next refill, of a second's and of a day's.
  private var allowance: Double
  private var reserve: Double
  /// Why nothing more was taken in the last time: beyond what is to be kept, or no room.
  private var isLeavingOut = false
  private var totals = MatchHistory.Counters()
  private let options: MatchHistory.Options

  init(options: MatchHistory.Options) {
    self.options = options
    allowance = Double(options.perSecond)
    reserve = options.reserveLimit
  }

  /// - Parameter unseen: how many weren't even handed in since the last refill.
  func counters(unseen: Int) -> MatchHistory.Counters {
    var counters = totals
    counters.refuse(unseen, isLeavingOut)
    counters.waiting = waiting.count + inFlight.count
    return counters
  }

  /// - Returns: false when nothing more is taken in until a refill says otherwise.
  mutating func add(_ entry: Entry) -> Bool {
    guard hasRoom && isAllowed else {
      isLeavingOut = hasRoom
      totals.refuse(1, isLeavingOut)
      return false
    }
    allowance -= 1
    reserve -= 1
    byteCount += entry.byteCount
    waiting.append(entry)
    return true
  }

  /// A second's worth may come at once, and an hour's of a day's; each interval brings its share.
  ///
  /// - Parameter unseen: how many weren't even handed in since the last refill.
  /// - Returns: whether something is taken in again.
  mutating func refill(unseen: Int) -> Bool {
    totals.refuse(unseen, isLeavingOut)
    let seconds = Double(options.intervalMilliseconds) / 1_000
    let perSecond = Double(options.perSecond)
    allowance = min(perSecond, allowance + perSecond * seconds)
    reserve = min(options.reserveLimit, reserve + Double(options.perDay) / 86_400 * seconds)
    return hasRoom && isAllowed
  }

  /// The oldest, until they are settled or put back.
  mutating func takeBatch(_ limit: Int) -> [Entry] {
    inFlight = Array(waiting.prefix(limit))
    waiting.removeFirst(inFlight.count)
    return inFlight
  }

  mutating func settle(written: Bool) {
    if written { totals.written += inFlight.count } else { totals.dropped += inFlight.count }
    for entry in inFlight { byteCount -= entry.byteCount }
    inFlight = []
  }

  mutating func putBack() {
    waiting.insert(contentsOf: inFlight, at: 0)
    inFlight = []
  }

  func holds(_ jobID: String, _ coordinator: String) -> Bool {
    func fits(_ entry: Entry) -> Bool {
      entry.query.jobID == jobID && entry.coordinator == coordinator
    }
    return inFlight.contains(where: fits) || waiting.contains(where: fits)
  }

  mutating func takeWaiters() -> [CheckedContinuation<Void, Never>] {
    defer { waiters = [] }
    return waiters
  }

  /// Nobody waits from now on.
  mutating func end() -> [CheckedContinuation<Void, Never>] {
    hasEnded = true
    return takeWaiters()
  }

  private var isAllowed: Bool { allowance >= 1 && reserve >= 1 }

  private var hasRoom: Bool {
    waiting.count + inFlight.count < options.waitingLimit && byteCount < options.waitingByteLimit
  }
}
