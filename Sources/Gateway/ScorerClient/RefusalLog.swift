import Logging
import Messaging
import Telemetry

/// Says who was turned away, a line of each kind now and then however many try.
struct RefusalLog {
  private var keys = SparseCount()
  private var handshakes = SparseCount()

  mutating func log(_ refusal: LinkRefusal, to logger: Logger, now: Int64) {
    switch refusal {
    case .unknownKey(let address):
      guard let times = keys.add(1, now: now) else { return }
      logger.warning(
        "a scorer's key is not among those that may join",
        metadata: ["from": "\(address)", "times": "\(times)"])
    case .handshakes(let count):
      guard let times = handshakes.add(count, now: now) else { return }
      logger.warning(
        "somebody connected to the scorers' port and did not speak as scorers do",
        metadata: ["times": "\(times)"])
    }
  }
}
