import Glibc

/// TCP ports on the loopback that nobody listens on.
package enum FreePort {
  /// Below the range from which the kernel takes ports for outgoing connections: a gateway that is
  /// started again must find its port free, whatever was dialled meanwhile.
  private static let range: ClosedRange<Int> = 15_000...31_999

  /// - Throws: `FleetError` when none of many was free.
  package static func choose(excluding taken: Set<Int> = []) throws(FleetError) -> Int {
    for _ in 0..<500 {
      let port = Int.random(in: range)
      if !taken.contains(port) && isFree(port) { return port }
    }
    throw FleetError("no free TCP port was found on 127.0.0.1")
  }

  /// Holds the port for a moment: who waits for a server to be there asks `isServed`, which doesn't.
  package static func isFree(_ port: Int) -> Bool {
    withSocket(port) { file, address, size in
      // As servers do: a connection of theirs that is only waiting out its end is no hindrance.
      var yes: Int32 = 1
      setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
      return bind(file, address, size) == 0 && listen(file, 1) == 0
    }
  }

  /// Whether somebody takes connections there.
  package static func isServed(_ port: Int) -> Bool {
    withSocket(port) { connect($0, $1, $2) == 0 }
  }

  private static func withSocket(
    _ port: Int, _ isSo: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Bool
  ) -> Bool {
    guard let number = UInt16(exactly: port) else { return false }
    let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    if file < 0 { return false }
    defer { close(file) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = number.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { isSo(file, $0, size) }
    }
  }
}
