import Glibc

/// The service manager that started this process, as far as the process talks to it: datagrams of
/// `KEY=value` lines to the socket that `NOTIFY_SOCKET` names, as sd_notify(3) tells.
package struct ServiceManager: Sendable {
  package enum News: Equatable, Sendable {
    case ready
    /// One line for people.
    case status(String)
    case stopping
    /// A reload begins, at this time of the monotonic clock; `ready` ends it.
    case reloading(microseconds: UInt64)
    /// Still alive.
    case watchdog
  }

  private static let statusByteLimit = 400
  private static let patienceSeconds = 2

  private let address: sockaddr_un
  private let addressByteCount: socklen_t

  /// - Returns: nil where no manager wants to hear anything, or where nobody could be heard there.
  package init?(environment: [String: String]) {
    guard let path = environment["NOTIFY_SOCKET"], path.hasPrefix("/") || path.hasPrefix("@") else {
      return nil
    }
    var bytes = Array(path.utf8)
    // A name that lies in no folder begins with a zero.
    let isAbstract = bytes[0] == UInt8(ascii: "@")
    if isAbstract { bytes[0] = 0 }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard bytes.count > 1, bytes.count < room else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    self.address = address
    let start = MemoryLayout.offset(of: \sockaddr_un.sun_path)!
    addressByteCount = socklen_t(start + bytes.count + (isAbstract ? 0 : 1))
  }

  /// Tells the manager, in one datagram.
  ///
  /// - Returns: whether it was taken; one that doesn't listen is nothing to fail over.
  @discardableResult
  package func tell(_ news: News...) -> Bool {
    let text = news.map(\.line).joined(separator: "\n")
    let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { return false }
    defer { close(socket) }
    // A manager that is busy is waited for: without READY=1 it would end us.
    var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
    setsockopt(
      socket, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var address = address
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        sendto(
          socket, text, text.utf8.count, Int32(MSG_NOSIGNAL), pointer, addressByteCount)
          == text.utf8.count
      }
    }
  }

  /// The time that a reload's beginning is told with.
  package static var monotonicMicroseconds: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
  }

  fileprivate static func oneLine(_ text: String) -> String {
    let line = text.map { $0.isNewline ? " " : $0 }
    var kept = ""
    for character in line where kept.utf8.count + character.utf8.count <= statusByteLimit {
      kept.append(character)
    }
    return kept
  }
}

extension ServiceManager.News {
  fileprivate var line: String {
    switch self {
    case .ready: "READY=1"
    case .status(let text): "STATUS=\(ServiceManager.oneLine(text))"
    case .stopping: "STOPPING=1"
    case .reloading(let microseconds): "RELOADING=1\nMONOTONIC_USEC=\(microseconds)"
    case .watchdog: "WATCHDOG=1"
    }
  }
}

/// How often the service manager wants a sign of life.
package struct Watchdog: Equatable, Sendable {
  /// It ends a process that was silent for so long.
  package let timeout: Duration

  /// - Returns: nil where it wants none of this process.
  package init?(environment: [String: String], processID: Int32) {
    guard let microseconds = environment["WATCHDOG_USEC"].flatMap(Int64.init), microseconds > 0
    else { return nil }
    if let wanted = environment["WATCHDOG_PID"], Int32(wanted) != processID { return nil }
    timeout = .microseconds(microseconds)
  }
}
