import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// One WebSocket connection. Answers pings and joins fragments; everything else is the caller's to see.
package final class WebSocketClient: Sendable {
  package enum Message: Equatable, Sendable {
    case text(String)
    case binary([UInt8])
    case pong([UInt8])
  }

  /// The server answered the handshake with something else than an upgrade.
  package struct UpgradeRefused: Error, CustomStringConvertible {
    package let answer: HubAnswer
    package var description: String { "the upgrade was refused: \(answer.summary)" }
  }

  /// No connection, or one that ended or fell silent before the handshake's answer.
  package struct ConnectionFailed: Error, CustomStringConvertible {
    package let description: String
  }

  private let channel: any Channel
  private let connection: WebSocketConnection

  init(channel: any Channel, connection: WebSocketConnection) {
    self.channel = channel
    self.connection = connection
  }

  /// Dials and shakes hands.
  ///
  /// - Parameters:
  ///   - url: `ws://host:port/path?query`, or the same with `http`.
  ///   - headers: sent with the handshake.
  /// - Throws: `UpgradeRefused` with the server's answer, or `ConnectionFailed`.
  package static func connect(
    url: String, headers: [(String, String)] = [],
    on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    timeout: Duration = .seconds(10)
  ) async throws -> WebSocketClient {
    guard let target = WebSocketTarget(url) else {
      throw ConnectionFailed(description: "\(url) is no ws://host:port/path")
    }
    var handshake: EventLoopFuture<WebSocketHandshake.Result>
    do {
      handshake = try await ClientBootstrap(group: group)
        .connectTimeout(TimeAmount(timeout))
        .connect(host: target.host, port: target.port) { channel in
          channel.eventLoop.makeCompletedFuture {
            try WebSocketHandshake.start(
              on: channel, target: target, headers: headers, timeout: TimeAmount(timeout))
          }
        }
    } catch {
      throw ConnectionFailed(description: "\(target.host):\(target.port): \(error)")
    }
    do {
      switch try await handshake.get() {
      case .upgraded(let client): return client
      case .refused(let answer): throw UpgradeRefused(answer: answer)
      }
    } catch let refusal as UpgradeRefused {
      throw refusal
    } catch {
      throw ConnectionFailed(description: "\(target.host):\(target.port): \(error)")
    }
  }

  /// The next message; nil once the connection has ended (or this task was cancelled). One reader.
  package func receive() async -> Message? { await connection.inbox.take() }

  /// The code that the server closed with; nil while open, and where it said none.
  package var closeCode: Int? { connection.closing.withLock { $0.code } }
  package var closeReason: String { connection.closing.withLock { $0.reason } }
  package var isOpen: Bool { channel.isActive }

  package func send(text: String) async throws {
    try await send(opcode: .text, payload: Array(text.utf8))
  }

  package func send(binary: [UInt8]) async throws {
    try await send(opcode: .binary, payload: binary)
  }

  package func ping(_ payload: [UInt8] = []) async throws {
    try await send(opcode: .ping, payload: payload)
  }

  /// One frame as told, also such as break the protocol: unfinished, unmasked, of a reserved opcode.
  package func send(
    opcode: WebSocketOpcode, payload: [UInt8], isFinal: Bool = true, isMasked: Bool = true
  ) async throws {
    let frame = WebSocketFrame(
      fin: isFinal, opcode: opcode, maskKey: isMasked ? .random() : nil,
      data: ByteBuffer(bytes: payload))
    try await channel.writeAndFlush(frame)
  }

  /// Bytes straight into the TCP stream, past all framing.
  package func send(rawBytes: [UInt8]) async throws {
    try await channel.eventLoop.flatSubmit { [channel] in
      do {
        let encoder = try channel.pipeline.syncOperations.context(
          handlerType: WebSocketFrameEncoder.self)
        let promise = channel.eventLoop.makePromise(of: Void.self)
        encoder.writeAndFlush(NIOAny(ByteBuffer(bytes: rawBytes)), promise: promise)
        return promise.futureResult
      } catch {
        return channel.eventLoop.makeFailedFuture(error)
      }
    }.get()
  }

  /// Says goodbye and waits until the connection has ended, at most for `timeout`.
  package func close(code: Int = 1000, timeout: Duration = .seconds(2)) async {
    var payload = ByteBuffer()
    payload.writeInteger(UInt16(clamping: code))
    try? await send(opcode: .connectionClose, payload: Array(payload.readableBytesView))
    let deadline = channel.eventLoop.scheduleTask(in: TimeAmount(timeout)) { [channel] in
      channel.close(promise: nil)
    }
    try? await channel.closeFuture.get()
    deadline.cancel()
  }

  /// Ends the TCP connection with no goodbye, as a crash would.
  package func abort() async { try? await channel.close() }

  /// Waits until the connection has ended, whoever ended it.
  package func waitForClose() async { try? await channel.closeFuture.get() }
}

/// Where a WebSocket URL points.
struct WebSocketTarget: Equatable {
  var host: String
  var port: Int
  /// With its query.
  var path: String

  init?(_ url: String) {
    guard let scheme = ["ws://", "http://"].first(where: { url.hasPrefix($0) }) else { return nil }
    let rest = url.dropFirst(scheme.count)
    let slash = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    let authority = rest[..<slash]
    path = String(rest[slash...])
    if !path.hasPrefix("/") { path = "/" + path }
    guard let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") else {
      host = String(authority)
      port = 80
      return
    }
    guard let port = Int(authority[authority.index(after: colon)...]) else { return nil }
    self.port = port
    host = String(authority[..<colon])
    if host.hasPrefix("[") { host = String(host.dropFirst().dropLast()) }
  }
}
