import NIOCore
import NIOHTTP1

/// A whole HTTP answer that no route made. `Content-Length` is added when it is written, and
/// `Connection: close` when the port refuses a connection with it.
package struct ReadyResponse: Sendable {
  package var status: HTTPResponseStatus
  package var headers: HTTPHeaders
  package var body: [UInt8]

  package init(status: HTTPResponseStatus, headers: HTTPHeaders = [:], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}

extension ReadyResponse {
  /// The answer as it goes over the wire, in one piece: three parts through the pipeline and its
  /// encoder take several times as long.
  func bytes(allocator: ByteBufferAllocator) -> ByteBuffer {
    let reason = status.reasonPhrase
    let bodyCount = body.count
    // 64: more than what is the same in every head, with its numbers.
    var byteCount = 64 + reason.utf8.count + bodyCount
    for (name, value) in headers { byteCount += name.utf8.count + value.utf8.count + 4 }
    var buffer = allocator.buffer(capacity: byteCount)
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: byteCount) { room in
      var end = HeadEnd(room: room)
      end.write("HTTP/1.1 ")
      end.write(String(status.code))
      end.write(" ")
      end.write(reason)
      for (name, value) in headers {
        end.write("\r\n")
        end.write(name)
        end.write(": ")
        end.write(value)
      }
      end.write("\r\nContent-Length: ")
      end.write(String(bodyCount))
      end.write("\r\n\r\n")
      body.withUnsafeBytes { end.write($0) }
      return end.count
    }
    return buffer
  }
}

/// Where the next bytes of an answer go; a `ByteBuffer` would ask before each piece whether it is its own.
private struct HeadEnd {
  let room: UnsafeMutableRawBufferPointer
  private(set) var count = 0

  init(room: UnsafeMutableRawBufferPointer) { self.room = room }

  mutating func write(_ text: StaticString) {
    write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func write(_ text: String) {
    text.utf8.span.withUnsafeBytes { write($0) }
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer) {
    precondition(bytes.count <= room.count - count, "an answer has the bytes that were counted")
    UnsafeMutableRawBufferPointer(rebasing: room[count...]).copyMemory(from: bytes)
    count += bytes.count
  }
}

/// What to do with a well-formed request for a WebSocket.
package enum UpgradeDecision<Accepted: Sendable>: Sendable {
  /// Upgrade. The value found while deciding (who is calling, for one) is handed to `onUpgrade`;
  /// the headers go into the 101 answer.
  case accept(Accepted, headers: HTTPHeaders = [:])
  /// Answer this and close the connection.
  case refuse(ReadyResponse)
  /// An ordinary request after all: a route answers it.
  case notMine
}

/// What the port itself has to refuse, before any route or decision.
package enum PortFault: Sendable, Equatable {
  /// Not HTTP.
  case malformedRequest
  /// The request's head is over a limit.
  case headTooLarge
  /// `Sec-WebSocket-Key` is missing or isn't 16 bytes in base64.
  case badWebSocketKey
  /// `Sec-WebSocket-Version` isn't 13.
  case unsupportedWebSocketVersion
  /// The decision whether to upgrade failed.
  case decisionFailed

  init(_ error: HTTPParserError) {
    self = error == .headerOverflow ? .headTooLarge : .malformedRequest
  }

  package var status: HTTPResponseStatus {
    switch self {
    case .malformedRequest, .badWebSocketKey: .badRequest
    case .headTooLarge: .requestHeaderFieldsTooLarge
    case .unsupportedWebSocketVersion: .upgradeRequired
    case .decisionFailed: .serviceUnavailable
    }
  }

  /// For people; says nothing about the inside.
  package var detail: String {
    switch self {
    case .malformedRequest: "The request is not HTTP/1.1."
    case .headTooLarge: "The request's head is too large."
    case .badWebSocketKey: "Sec-WebSocket-Key must be 16 bytes in base64."
    case .unsupportedWebSocketVersion: "Sec-WebSocket-Version must be 13."
    case .decisionFailed: "The caller could not be checked just now."
    }
  }

  /// Headers that belong to this fault whatever the body says.
  package var headers: HTTPHeaders {
    switch self {
    case .unsupportedWebSocketVersion: ["Sec-WebSocket-Version": "13", "Upgrade": "websocket"]
    case .decisionFailed: ["Retry-After": "1"]
    case .malformedRequest, .headTooLarge, .badWebSocketKey: [:]
    }
  }

  /// A small `application/problem+json` answer with nothing in it that the caller has sent.
  package var problem: ReadyResponse {
    var headers = headers
    headers.add(name: "Content-Type", value: "application/problem+json")
    let body = """
      {"type":"about:blank","title":"\(status.reasonPhrase)","status":\(status.code),\
      "detail":"\(detail)"}
      """
    return ReadyResponse(status: status, headers: headers, body: Array(body.utf8))
  }
}
