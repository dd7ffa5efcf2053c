import Foundation
import Glibc

/// Sends bytes as they are over a connection of its own, and reads all that comes back until the hub
/// closes it or is silent for a while. For what no HTTP client would send.
struct RawHTTP: Sendable {
  struct Failed: Error { var errno: Int32 }

  /// `http://127.0.0.1:port`
  let url: String

  /// Asks for the connection to be closed behind the last request, so that the end is known.
  func exchange(_ text: String) async throws -> String {
    try await exchange(Array(text.utf8))
  }

  func exchange(_ bytes: [UInt8]) async throws -> String {
    let port = UInt16(url.split(separator: ":").last ?? "") ?? 0
    return try await withCheckedThrowingContinuation { continuation in
      // It blocks, so not on one of the tasks' threads.
      Thread.detachNewThread {
        continuation.resume(with: Result { try Self.exchange(bytes, port: port) })
      }
    }
  }

  private static func exchange(_ bytes: [UInt8], port: UInt16) throws -> String {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard socket >= 0 else { throw Failed(errno: errno) }
    defer { Glibc.close(socket) }
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(
      socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let connected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(socket, $0, size)
      }
    }
    guard connected == 0 else { throw Failed(errno: errno) }
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.send(
          socket, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, Int32(MSG_NOSIGNAL))
      }
      // The hub may have answered and closed before it heard it all.
      if count <= 0 { break }
      sent += count
    }
    var received: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.recv(socket, &chunk, chunk.count, 0)
      if count <= 0 { break }
      received += chunk[..<count]
    }
    return String(decoding: received, as: UTF8.self)
  }
}
