import Synchronization

/// What went wrong on a socket, since its start. Written by its thread, read by any.
package final class MessagingCounters: Sendable {
  private let malformed = Atomic<Int>(0)
  private let oversize = Atomic<Int>(0)
  private let undelivered = Atomic<Int>(0)

  private let unknownKeys = Atomic<Int>(0)
  private let failedHandshakes = Atomic<Int>(0)

  package init() {}

  /// Messages that couldn't be read, and were dropped.
  package var malformedFrames: Int { malformed.load(ordering: .relaxed) }
  /// Outgoing records above the size that any may have, and dropped.
  package var oversizeRecords: Int { oversize.load(ordering: .relaxed) }
  /// Frames whose peer was gone or took no more.
  package var undeliveredFrames: Int { undelivered.load(ordering: .relaxed) }
  /// Peers that showed a key that isn't let in.
  package var refusedKeys: Int { unknownKeys.load(ordering: .relaxed) }
  /// Connections that ended before they had said who they are as they should.
  package var refusedHandshakes: Int { failedHandshakes.load(ordering: .relaxed) }

  func countMalformed() { malformed.wrappingAdd(1, ordering: .relaxed) }
  func countOversize() { oversize.wrappingAdd(1, ordering: .relaxed) }
  func countRefused(keys: Int) { unknownKeys.wrappingAdd(keys, ordering: .relaxed) }
  func countRefused(handshakes: Int) {
    failedHandshakes.wrappingAdd(handshakes, ordering: .relaxed)
  }
  func countUndelivered() { undelivered.wrappingAdd(1, ordering: .relaxed) }
}
