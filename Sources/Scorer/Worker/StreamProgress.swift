import Domain

/// How far this scorer has come along the change stream, and how far behind it is. Pure.
struct StreamProgress {
  /// Everything up to here shows in answers.
  private(set) var applied = StreamID.zero
  /// The first snapshot is whole: matches can be answered.
  private(set) var isReady = false
  private(set) var isReachable = false

  /// The newest entry taken in; runs ahead of `applied` while a snapshot is being loaded.
  private var newest = StreamID.zero
  private var loadingGeneration: Int?
  private var unreachableSince: Timestamp
  private var lastLag: (milliseconds: Int64, at: Timestamp)

  /// A lag that no new entry confirmed for so long is over: nothing more came.
  private static let lagMemoryMilliseconds: Int64 = 2_000

  init(startedAt now: Timestamp) {
    unreachableSince = now
    lastLag = (0, now)
  }

  mutating func reachable(_ isReachable: Bool, at now: Timestamp) {
    if self.isReachable && !isReachable { unreachableSince = now }
    self.isReachable = isReachable
  }

  mutating func entriesApplied(upTo id: StreamID, at now: Timestamp) {
    newest = id
    lastLag = (max(0, now.milliseconds - Int64(clamping: id.milliseconds)), now)
    if loadingGeneration == nil { applied = id }
  }

  mutating func snapshotStarted(generation: Int) { loadingGeneration = generation }

  mutating func snapshotLoaded(generation: Int, upTo id: StreamID) {
    guard generation == loadingGeneration else { return }
    loadingGeneration = nil
    isReady = true
    applied = max(id, newest, applied)
  }

  func lagMilliseconds(at now: Timestamp) -> UInt32 {
    if !isReachable { return UInt32(clamping: now.milliseconds(since: unreachableSince)) }
    let isFresh = now.milliseconds(since: lastLag.at) < Self.lagMemoryMilliseconds
    return isFresh ? UInt32(clamping: lastLag.milliseconds) : 0
  }
}
