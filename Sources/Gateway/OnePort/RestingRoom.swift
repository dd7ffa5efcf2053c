import NIOCore
import Synchronization

/// The HTTP connections of a port, so that there is always room for one more: beyond the limit those go
/// that have waited longest for their caller to finish or begin a request. One that waits for our answer
/// stays.
final class RestingRoom: Sendable {
  /// A connection's place. Its times are written by its event loop and read by whoever needs room.
  final class Guest: Sendable {
    fileprivate let channel: any Channel
    /// When its caller's turn began, by `NIODeadline`; `max` while it is ours.
    fileprivate let restingSince: Atomic<UInt64>

    fileprivate init(_ channel: any Channel) {
      self.channel = channel
      restingSince = Atomic(NIODeadline.now().uptimeNanoseconds)
    }

    /// It is the caller's turn since then.
    func began(at time: NIODeadline) {
      restingSince.store(time.uptimeNanoseconds, ordering: .relaxed)
    }

    /// A whole request is here and unanswered.
    func works() { restingSince.store(.max, ordering: .relaxed) }
  }

  /// Of the limit; so many go at once, since finding them means looking at all.
  private static let shareThatGoes = 64

  private let limit: @Sendable () -> Int
  private let onEviction: @Sendable () -> Void
  private let guests = Mutex<[ObjectIdentifier: Guest]>([:])

  init(limit: @escaping @Sendable () -> Int, onEviction: @escaping @Sendable () -> Void) {
    self.limit = limit
    self.onEviction = onEviction
  }

  func enter(_ channel: any Channel) -> Guest {
    let guest = Guest(channel)
    let limit = limit()
    let leaving = guests.withLock { guests in
      let leaving = guests.count >= limit ? Self.longestResting(guests.values, limit: limit) : []
      for guest in leaving { guests[ObjectIdentifier(guest)] = nil }
      guests[ObjectIdentifier(guest)] = guest
      return leaving
    }
    for guest in leaving {
      guest.channel.close(promise: nil)
      onEviction()
    }
    return guest
  }

  func leave(_ guest: Guest) {
    guests.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(guest)) }
  }

  var count: Int { guests.withLock { $0.count } }

  private static func longestResting(
    _ guests: some Collection<Guest>, limit: Int
  ) -> [Guest] {
    let resting = guests.map { ($0.restingSince.load(ordering: .relaxed), $0) }
      .filter { $0.0 != .max }.sorted { $0.0 < $1.0 }
    let tooMany = guests.count - limit + 1
    return resting.prefix(tooMany + limit / shareThatGoes).map(\.1)
  }
}
