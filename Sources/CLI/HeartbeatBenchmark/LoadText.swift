/// What a load sends, and how it reads what comes back.
struct LoadText {
  static let path = "/v1/miners/heartbeat"

  enum Answer: Equatable {
    /// The first whole answer's length, and what it was.
    case acknowledged(Int, sequence: Int)
    case ping(Int, payload: Range<Int>)
    /// The server is about to go away, and asks its miner to come again in so long.
    case goingAway(Int, retryAfterMilliseconds: Int)
    case other(Int)
    /// The server closes, with this code.
    case closing(Int)
    case refused(String)
    /// Refused, to come again in so many seconds.
    case busy(retryAfterSeconds: Int)
    case incomplete
  }

  static func upgrade(token: [UInt8]) -> [UInt8] {
    Array("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ".utf8) + token
      + Array(
        """
        \r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n
        """.utf8)
  }

  static func post(token: [UInt8], body: [UInt8], to bytes: inout [UInt8]) {
    bytes.append(
      contentsOf: "POST \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ".utf8)
    bytes.append(contentsOf: token)
    bytes.append(
      contentsOf: "\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n".utf8
    )
    bytes.append(contentsOf: body)
  }

  /// One whole frame, masked as a client's must be.
  static func frame(opcode: UInt8, payload: some Collection<UInt8>, to bytes: inout [UInt8]) {
    let mask: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
    bytes.append(0x80 | opcode)
    if payload.count < 126 {
      bytes.append(0x80 | UInt8(payload.count))
    } else {
      bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
    }
    bytes += mask
    var at = 0
    for byte in payload {
      bytes.append(byte ^ mask[at & 3])
      at += 1
    }
  }

  // MARK: Reading

  /// The first frame of what a server sent.
  static func readFrame(_ bytes: UnsafeRawBufferPointer) -> Answer {
    guard bytes.count >= 2 else { return .incomplete }
    var start = 2
    var length = Int(bytes[1] & 0x7F)
    if length == 126 {
      guard bytes.count >= 4 else { return .incomplete }
      length = Int(bytes[2]) << 8 | Int(bytes[3])
      start = 4
    } else if length == 127 {
      return .refused("a frame of 64 KiB or more")
    }
    let end = start + length
    guard bytes.count >= end else { return .incomplete }
    let payload = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    switch bytes[0] & 0x0F {
    case 1:
      if let sequence = number(behind: #""seq":"#, in: payload) {
        return .acknowledged(end, sequence: sequence)
      }
      if let pause = number(behind: #""retry_after_ms":"#, in: payload) {
        return .goingAway(end, retryAfterMilliseconds: pause)
      }
      return .other(end)
    case 8:
      return .closing(length >= 2 ? Int(payload[0]) << 8 | Int(payload[1]) : 1005)
    case 9: return .ping(end, payload: start..<end)
    default: return .other(end)
    }
  }

  /// An upgrade's answer.
  static func readUpgrade(_ bytes: UnsafeRawBufferPointer) -> Answer {
    guard let end = headEnd(of: bytes) else { return .incomplete }
    let status = status(of: bytes) ?? 0
    if status == 101 { return .other(end) }
    if status == 503, let seconds = number(behind: "Retry-After: ", in: bytes) {
      return .busy(retryAfterSeconds: seconds)
    }
    return .refused("status \(status)")
  }

  /// The answer to a POST; it is the newest heartbeat's, as there is one at a time.
  static func readResponse(_ bytes: UnsafeRawBufferPointer, sequence: Int) -> Answer {
    guard let end = headEnd(of: bytes) else { return .incomplete }
    guard status(of: bytes) == 200 else { return .refused("status \(status(of: bytes) ?? 0)") }
    guard let length = contentLength(in: UnsafeRawBufferPointer(rebasing: bytes[..<end])) else {
      return .refused("no length")
    }
    guard bytes.count >= end + length else { return .incomplete }
    return .acknowledged(end + length, sequence: sequence)
  }

  private static func headEnd(of bytes: UnsafeRawBufferPointer) -> Int? {
    find("\r\n\r\n", in: bytes).map { $0 + 4 }
  }

  /// Of `HTTP/1.1 200 OK`.
  private static func status(of bytes: UnsafeRawBufferPointer) -> Int? {
    bytes.count > 12 ? number(in: bytes, from: 9) : nil
  }

  private static func contentLength(in head: UnsafeRawBufferPointer) -> Int? {
    (find("\r\nContent-Length: ", in: head) ?? find("\r\ncontent-length: ", in: head))
      .flatMap { number(in: head, from: $0 + 18) }
  }

  private static func number(
    behind word: StaticString, in text: UnsafeRawBufferPointer
  ) -> Int? {
    find(word, in: text).flatMap { number(in: text, from: $0 + word.utf8CodeUnitCount) }
  }

  private static func find(_ word: StaticString, in bytes: UnsafeRawBufferPointer) -> Int? {
    let count = word.utf8CodeUnitCount
    let first = word.utf8Start[0]
    var at = 0
    while at + count <= bytes.count {
      if bytes[at] == first {
        var matched = 1
        while matched < count, bytes[at + matched] == word.utf8Start[matched] { matched += 1 }
        if matched == count { return at }
      }
      at += 1
    }
    return nil
  }

  private static func number(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    var value = 0
    var at = start
    while at < bytes.count, case let digit = bytes[at] &- UInt8(ascii: "0"), digit < 10 {
      value = value &* 10 &+ Int(digit)
      at += 1
    }
    return at > start ? value : nil
  }
}
