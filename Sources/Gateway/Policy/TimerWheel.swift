/// What a `TimerWheel` can hold: it keeps its place there.
package protocol TimerWheelMember: AnyObject {
  var wheelPlace: TimerWheelPlace? { get set }
}

/// Where a member stands. Nobody's business but the wheel's.
package struct TimerWheelPlace: Sendable {
  fileprivate var bucket: Int32
  fileprivate var index: Int32
}

/// Timers of very many things that all want to be looked at now and then: a ring of buckets, one a tick.
/// Setting one, taking one away and being due cost the same however many there are, and a timer is one
/// reference.
package struct TimerWheel<Member: TimerWheelMember> {
  private var buckets: [[Member]]
  /// The tick that was last dealt with.
  private var current = 0
  package private(set) var count = 0

  /// - Parameter ticks: the longest time; a power of two.
  package init(ticks: Int) {
    precondition(ticks > 1 && ticks & (ticks - 1) == 0)
    buckets = Array(repeating: [], count: ticks)
  }

  /// Sets a member's timer, anew if it had one, to so many ticks from now: at least one, at most the
  /// wheel's size less one.
  package mutating func set(_ member: Member, ticksAhead: Int) {
    remove(member)
    let ahead = min(max(ticksAhead, 1), buckets.count - 1)
    let bucket = (current + ahead) & (buckets.count - 1)
    member.wheelPlace = TimerWheelPlace(
      bucket: Int32(bucket), index: Int32(buckets[bucket].count))
    buckets[bucket].append(member)
    count += 1
  }

  /// Nothing happens when it has no timer.
  package mutating func remove(_ member: Member) {
    guard let place = member.wheelPlace else { return }
    member.wheelPlace = nil
    let (bucket, index) = (Int(place.bucket), Int(place.index))
    let last = buckets[bucket].removeLast()
    if last !== member {
      buckets[bucket][index] = last
      last.wheelPlace = place
    }
    count -= 1
  }

  /// Lets one tick pass.
  /// - Returns: whose time has come; they have no timer any more.
  package mutating func advance() -> [Member] {
    current = (current + 1) & (buckets.count - 1)
    let due = buckets[current]
    // Buckets empty now are small soon: keeping the room would keep the largest that ever was.
    buckets[current] = []
    for member in due { member.wheelPlace = nil }
    count -= due.count
    return due
  }
}
