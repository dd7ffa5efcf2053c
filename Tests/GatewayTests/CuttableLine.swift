import Glibc
import Synchronization
import Threads

/// A TCP line to somewhere that can be cut as a network does it: nothing gets through, and nobody is told.
final class CuttableLine: Sendable {
  private struct Failed: Error {}

  let port: Int
  private let isCut = Atomic<Bool>(false)
  private let isEnded = Atomic<Bool>(false)

  /// - Parameter target: the port on 127.0.0.1 where it leads.
  init(to target: Int) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = Self.address(port: 0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 16) == 0
          && getsockname(listener, $0, &size) == 0
      }
    }
    guard isBound else { throw Failed() }
    port = Int(UInt16(bigEndian: address.sin_port))
    startThread(name: "line") { [self] in
      carry(from: listener, to: target)
    }
  }

  func cut() { isCut.store(true, ordering: .releasing) }
  func mend() { isCut.store(false, ordering: .releasing) }
  func end() { isEnded.store(true, ordering: .releasing) }

  private static func address(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  private func carry(from listener: Int32, to target: Int) {
    var pairs: [(Int32, Int32)] = []
    while !isEnded.load(ordering: .acquiring) {
      if isCut.load(ordering: .acquiring) {
        usleep(5_000)
        continue
      }
      let ends = pairs.flatMap { [($0.0, $0.1), ($0.1, $0.0)] }
      var polled = ([listener] + ends.map(\.0)).map {
        pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
      }
      guard poll(&polled, nfds_t(polled.count), 5) > 0 else { continue }
      if polled[0].revents != 0 {
        let near = accept(listener, nil, nil)
        let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.address(port: target)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafePointer(to: &address) { pointer in
          pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(far, $0, size) }
        }
        pairs.append((near, far))
      }
      for (place, (from, to)) in ends.enumerated() where polled[place + 1].revents != 0 {
        if pump(from, to) { continue }
        pairs.removeAll { $0.0 == from || $0.1 == from }
        close(from)
        close(to)
        break
      }
    }
    for (near, far) in pairs {
      close(near)
      close(far)
    }
    close(listener)
  }

  private func pump(_ from: Int32, _ to: Int32) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = read(from, &buffer, buffer.count)
    return count > 0 && send(to, buffer, count, Int32(MSG_NOSIGNAL)) == count
  }
}
