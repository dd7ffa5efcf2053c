import CLinux
import Glibc

/// A TCP connection that never blocks, from a source address of its own. Not closed by itself: a load
/// holds very many, in one array.
package struct LoadSocket: Sendable {
  /// Connections from one source address: well below the kernel's range of ports.
  private static let connectionsPerSource = 2_000

  package enum Outcome: Equatable {
    case bytes(Int)
    /// Nothing to read, or no room to write, for now.
    case later
    case gone
  }

  package let descriptor: Int32

  /// Starts connecting to a port on 127.0.0.1, from 127.10.0.0 on upward.
  /// - Throws: `LoadError` when there is no socket to be had.
  package static func connect(toPort port: UInt16, number: Int) throws(LoadError) -> LoadSocket {
    let descriptor = Glibc.socket(
      AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw LoadError("no socket: \(String(cString: strerror(errno)))") }
    var one: Int32 = 1
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    _ = bind_address_without_port(descriptor)
    let source = 0x7F0A_0001 + UInt32(number / connectionsPerSource)
    _ = withAddress(source, port: 0) { Glibc.bind(descriptor, $0, $1) }
    let status = withAddress(0x7F00_0001, port: port) { Glibc.connect(descriptor, $0, $1) }
    if status != 0 && errno != EINPROGRESS {
      let reason = String(cString: strerror(errno))
      Glibc.close(descriptor)
      throw LoadError("no connection: \(reason)")
    }
    return LoadSocket(descriptor: descriptor)
  }

  /// Whether a connection that was being made is there.
  package var isConnected: Bool {
    var error: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0
  }

  package func send(_ bytes: UnsafeRawBufferPointer) -> Outcome {
    let count = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    if count >= 0 { return .bytes(count) }
    return errno == EAGAIN || errno == EINTR ? .later : .gone
  }

  package func receive(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
    let count = Glibc.recv(descriptor, buffer.baseAddress, buffer.count, 0)
    if count > 0 { return .bytes(count) }
    if count == 0 { return .gone }
    return errno == EAGAIN || errno == EINTR ? .later : .gone
  }

  package func close() { Glibc.close(descriptor) }

  private static func withAddress(
    _ host: UInt32, port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = host.bigEndian
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}

/// Why a load could not go on, for a person.
package struct LoadError: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}
