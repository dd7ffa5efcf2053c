import Foundation
import Glibc

/// What a service manager is to a process: a datagram socket, and all that came to it.
final class NotifyListener {
  let path: String
  private let descriptor: Int32

  /// - Parameter isAbstract: whether its name lies in no folder.
  init(isAbstract: Bool = false) throws {
    let name = "\(NSTemporaryDirectory())/notify-\(UUID().uuidString.prefix(8))"
    path = isAbstract ? "@\(name)" : name
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(name.utf8)
    if isAbstract { bytes.insert(0, at: 0) }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(2 + bytes.count + (isAbstract ? 0 : 1))
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
    }
    guard bound == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno)!) }
    var patience = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit {
    close(descriptor)
    if path.hasPrefix("/") { unlink(path) }
  }

  var environment: [String: String] { ["NOTIFY_SOCKET": path] }

  /// The next datagram's lines; nil when none came in ten seconds.
  func next() -> [String]? {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count >= 0 else { return nil }
    return String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// The datagrams up to the one that has this line.
  func lines(until line: String) -> [[String]] {
    var all: [[String]] = []
    while let next = next() {
      all.append(next)
      if next.contains(line) { return all }
    }
    return all
  }
}
