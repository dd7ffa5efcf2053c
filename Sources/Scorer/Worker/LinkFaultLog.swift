import Logging
import Messaging
import Telemetry

/// Says, now and then, that something is wrong on the links to gateways.
struct LinkFaultLog {
  private var handshakes = SparseCount()
  private var frames = SparseCount()
  private var seenHandshakes = 0
  private var seenFrames = 0

  mutating func log(_ counters: MessagingCounters, to logger: Logger, now: Int64) {
    let (allHandshakes, allFrames) = (counters.refusedHandshakes, counters.malformedFrames)
    if let times = handshakes.add(allHandshakes - seenHandshakes, now: now) {
      logger.warning(
        "a gateway's address answers, but no link comes about: is the key right on both sides?",
        metadata: ["times": "\(times)"])
    }
    if let times = frames.add(allFrames - seenFrames, now: now) {
      logger.warning(
        "frames from a gateway could not be read and were dropped", metadata: ["frames": "\(times)"]
      )
    }
    (seenHandshakes, seenFrames) = (allHandshakes, allFrames)
  }
}
