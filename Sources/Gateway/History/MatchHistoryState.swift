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
  /// How many more may be taken in before the next refill.
  private var allowance: Int
  private var totals = MatchHistory.Counters()
  private let options: MatchHistory.Options

  init(options: MatchHistory.Options) {
    self.options = options
    allowance = options.perSecond
  }

  var counters: MatchHistory.Counters {
    var counters = totals
    counters.waiting = waiting.count + inFlight.count
    return counters
  }

  /// - Returns: false when nothing more is taken in until a refill says otherwise.
  mutating func add(_ entry: Entry) -> Bool {
    guard hasRoom, allowance > 0 else {
      totals.dropped += 1
      return false
    }
    allowance -= 1
    byteCount += entry.byteCount
    waiting.append(entry)
    return true
  }

  /// A second's worth may come at once, and each interval brings its share.
  ///
  /// - Returns: whether there is room again.
  mutating func refill() -> Bool {
    let share = max(1, options.perSecond * options.intervalMilliseconds / 1_000)
    allowance = min(options.perSecond, allowance + share)
    return hasRoom
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

  private var hasRoom: Bool {
    waiting.count + inFlight.count < options.waitingLimit && byteCount < options.waitingByteLimit
  }
}
