import GatewayAPI
import GatewayPolicy
import JSON
import NIOCore

/// The `ack` frames of one event loop, but for the number of the heartbeat: all of a second's are alike.
final class AcknowledgementTexts {
  /// Enough that nobody could tell them from any number.
  private static let variantCount = 64

  private var pacing: HeartbeatPacing?
  private var variants: [[UInt8]] = []
  private var turn = 0

  func text(sequence: Int?, pacing: HeartbeatPacing) -> ByteBuffer {
    if self.pacing != pacing { prepare(pacing) }
    turn = (turn + 1) % variants.count
    let rest = variants[turn]
    let head: StaticString = #"{"type":"ack","seq":"#
    var text = ByteBuffer()
    text.reserveCapacity(head.utf8CodeUnitCount + 20 + rest.count)
    text.writeStaticString(head)
    if let sequence { text.write(decimal: sequence) } else { text.writeStaticString("null") }
    text.writeBytes(rest)
    return text
  }

  /// What follows the number.
  private func prepare(_ pacing: HeartbeatPacing) {
    self.pacing = pacing
    let spread = pacing.spread(over: Self.variantCount)
    variants = spread.shuffled().map { nextSeconds in
      let whole = HeartbeatFrame.ack(sequence: 0, nextSeconds: nextSeconds)
      return Array(
        whole.drop { $0 != UInt8(ascii: ",") }.dropFirst().drop { $0 != UInt8(ascii: ",") })
    }
  }
}

extension ByteBuffer {
  /// - Precondition: `number` isn't negative.
  fileprivate mutating func write(decimal number: Int) {
    if number >= 10 { write(decimal: number / 10) }
    writeInteger(UInt8(ascii: "0") + UInt8(number % 10))
  }
}
