import NIOCore

/// A WebSocket frame as bytes, written and read by hand so that the codec under test isn't trusted.
struct RawFrame: Equatable {
  var fin = true
  var reservedBits: UInt8 = 0
  var opcode: UInt8
  var payload: [UInt8]

  static func text(_ text: String, fin: Bool = true) -> RawFrame {
    RawFrame(fin: fin, opcode: 1, payload: Array(text.utf8))
  }

  static func continuation(_ text: String, fin: Bool) -> RawFrame {
    RawFrame(fin: fin, opcode: 0, payload: Array(text.utf8))
  }

  static func close(_ code: UInt16, reason: String = "") -> RawFrame {
    let number = [UInt8(code >> 8), UInt8(code & 0xff)]
    return RawFrame(opcode: 8, payload: number + Array(reason.utf8))
  }

  static func ping(_ text: String) -> RawFrame {
    RawFrame(opcode: 9, payload: Array(text.utf8))
  }

  static func pong(_ text: String) -> RawFrame {
    RawFrame(opcode: 10, payload: Array(text.utf8))
  }

  /// - Parameter mask: nil sends the payload plain, which a client must not.
  func bytes(mask: [UInt8]? = [1, 2, 3, 4]) -> [UInt8] {
    var bytes = [(fin ? 0x80 : 0) | reservedBits | opcode]
    let maskBit: UInt8 = mask == nil ? 0 : 0x80
    switch payload.count {
    case ..<126: bytes.append(maskBit | UInt8(payload.count))
    case ..<65536:
      bytes += [maskBit | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
    default:
      bytes.append(maskBit | 127)
      bytes += (0..<8).reversed().map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) }
    }
    guard let mask else { return bytes + payload }
    return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
  }

  /// Reads a server's frame: unmasked, shorter than 64 KiB. Nil while it isn't whole.
  static func take(from buffer: inout ByteBuffer) -> RawFrame? {
    guard let first = buffer.readInteger(as: UInt8.self),
      let second = buffer.readInteger(as: UInt8.self)
    else { return nil }
    var length = Int(second)
    if second == 126 {
      guard let word = buffer.readInteger(as: UInt16.self) else { return nil }
      length = Int(word)
    }
    guard let payload = buffer.readBytes(length: length) else { return nil }
    return RawFrame(
      fin: first & 0x80 != 0, reservedBits: first & 0x70, opcode: first & 0x0f, payload: payload)
  }
}

extension RawClient {
  static let handshakeHeaders = [
    "Host: hub", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ]

  /// Asks for a WebSocket at `path`; headers whose line starts with a text in `without` are left out.
  func sendHandshake(
    path: String = "/ws?token=good", method: String = "GET", without: [String] = [],
    adding: [String] = []
  ) async throws {
    let kept = Self.handshakeHeaders.filter { line in !without.contains { line.hasPrefix($0) } }
    let lines = ["\(method) \(path) HTTP/1.1"] + kept + adding
    try await send(lines.joined(separator: "\r\n") + "\r\n\r\n")
  }

  static func webSocket(port: Int) async throws -> RawClient {
    let client = try await connect(port: port)
    try await client.sendHandshake()
    _ = try await client.readResponse()
    return client
  }

  func send(_ frames: RawFrame...) async throws {
    try await send(frames.flatMap { $0.bytes() })
  }

  func readFrame() async throws -> RawFrame {
    try await read { RawFrame.take(from: &$0) }
  }
}
