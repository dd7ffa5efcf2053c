import NIOCore
import NIOWebSocket

/// A WebSocket's close code (RFC 6455, section 7.4). The registered ones that the hub sends have names;
/// an application's own are 4000 to 4999.
package struct WebSocketCloseCode: RawRepresentable, Sendable, Hashable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  package static let normal = Self(rawValue: 1000)
  package static let goingAway = Self(rawValue: 1001)
  package static let protocolError = Self(rawValue: 1002)
  package static let unsupportedData = Self(rawValue: 1003)
  /// Never sent: a close frame with no code.
  package static let none = Self(rawValue: 1005)
  /// Never sent: the connection went with no close frame.
  package static let abnormal = Self(rawValue: 1006)
  package static let invalidText = Self(rawValue: 1007)
  package static let messageTooBig = Self(rawValue: 1009)

  /// True for a code that a peer may put into a close frame.
  var mayBeSent: Bool {
    switch rawValue {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }
}

/// Puts a peer's frames together into messages and says what else each frame asks for.
/// Pure: no channel, no time.
struct WebSocketMessageState {
  enum Action: Equatable {
    case none
    case text(ByteBuffer)
    /// A whole binary message, which is of no use to anybody here.
    case binary
    case pong(ByteBuffer)
    case peerClosed(WebSocketCloseCode)
    case fail(WebSocketCloseCode)
  }

  let messageByteLimit: Int
  /// The fragments so far of a message whose last one hasn't come.
  private var fragments: ByteBuffer?
  private var isBinary = false

  init(messageByteLimit: Int) {
    self.messageByteLimit = messageByteLimit
  }

  /// - Parameter frame: as the decoder gives it, still masked.
  mutating func receive(_ frame: WebSocketFrame) -> Action {
    // A client masks every frame, and no extension that uses the reserved bits was negotiated.
    guard let mask = frame.maskKey, !frame.rsv1, !frame.rsv2, !frame.rsv3 else {
      return .fail(.protocolError)
    }
    var payload = frame.data
    payload.webSocketUnmask(mask)
    switch frame.opcode {
    case .text, .binary:
      if fragments != nil { return .fail(.protocolError) }
      isBinary = frame.opcode == .binary
      return frame.fin ? message(payload) : keep(payload)
    case .continuation:
      guard var whole = fragments else { return .fail(.protocolError) }
      fragments = nil
      if whole.readableBytes + payload.readableBytes > messageByteLimit {
        return .fail(.messageTooBig)
      }
      whole.writeBuffer(&payload)
      return frame.fin ? message(whole) : keep(whole)
    case .ping: return .pong(payload)
    case .pong: return .none
    case .connectionClose: return closure(payload)
    default: return .fail(.protocolError)
    }
  }

  private mutating func keep(_ payload: ByteBuffer) -> Action {
    if payload.readableBytes > messageByteLimit { return .fail(.messageTooBig) }
    fragments = payload
    return .none
  }

  private func message(_ payload: ByteBuffer) -> Action {
    if payload.readableBytes > messageByteLimit { return .fail(.messageTooBig) }
    if isBinary { return .binary }
    return payload.isUTF8 ? .text(payload) : .fail(.invalidText)
  }

  private func closure(_ payload: ByteBuffer) -> Action {
    var reason = payload
    guard reason.readableBytes > 0 else { return .peerClosed(.none) }
    guard let number = reason.readInteger(as: UInt16.self) else { return .fail(.protocolError) }
    let code = WebSocketCloseCode(rawValue: number)
    guard code.mayBeSent else { return .fail(.protocolError) }
    return reason.isUTF8 ? .peerClosed(code) : .fail(.invalidText)
  }
}

extension ByteBuffer {
  fileprivate var isUTF8: Bool {
    withUnsafeReadableBytes { bytes in
      (try? UTF8Span(validating: Span(_unsafeElements: bytes.bindMemory(to: UInt8.self)))) != nil
    }
  }
}
