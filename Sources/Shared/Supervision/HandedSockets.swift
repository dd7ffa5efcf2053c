import Glibc

/// A listening socket that the service manager opened and keeps, so that connections wait in it while
/// this process is being started anew.
package struct HandedSocket: Equatable, Sendable {
  package var descriptor: Int32
  /// As the manager's unit calls it; empty where it calls it nothing.
  package var name: String

  package init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
  }
}

/// Why what was handed over cannot be used.
package struct HandedSocketsFault: Error, Equatable, CustomStringConvertible {
  package let description: String
}

/// The sockets handed over to this process, as sd_listen_fds(3) tells.
package enum HandedSockets {
  /// Where they begin, after the standard ones.
  package static let firstDescriptor: Int32 = 3
  package static let countLimit = 64

  /// What the environment says was handed over.
  ///
  /// - Returns: none where it is for another process.
  package static func announced(
    in environment: [String: String], processID: Int32
  ) throws(HandedSocketsFault) -> [HandedSocket] {
    guard let text = environment["LISTEN_FDS"] else { return [] }
    guard let owner = environment["LISTEN_PID"].flatMap(Int32.init) else {
      throw HandedSocketsFault(description: "LISTEN_FDS is set, and LISTEN_PID is no process")
    }
    guard owner == processID else { return [] }
    guard let count = Int32(text), (0...Int32(countLimit)).contains(count) else {
      throw HandedSocketsFault(
        description: "LISTEN_FDS is not a number from 0 to \(countLimit)")
    }
    var names = (environment["LISTEN_FDNAMES"] ?? "")
      .split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    if environment["LISTEN_FDNAMES"] == nil { names = Array(repeating: "", count: Int(count)) }
    guard names.count == Int(count) else {
      throw HandedSocketsFault(description: "LISTEN_FDNAMES has not one name for each socket")
    }
    return names.enumerated().map { index, name in
      HandedSocket(descriptor: firstDescriptor + Int32(index), name: name)
    }
  }

  /// The announced ones, sure to be listening for connections, and kept from children.
  package static func take(
    environment: [String: String], processID: Int32
  ) throws(HandedSocketsFault) -> [HandedSocket] {
    let sockets = try announced(in: environment, processID: processID)
    for socket in sockets {
      guard option(SO_ACCEPTCONN, of: socket.descriptor) == 1,
        option(SO_TYPE, of: socket.descriptor) == Int32(SOCK_STREAM.rawValue)
      else {
        throw HandedSocketsFault(
          description: "file descriptor \(socket.descriptor) is no socket that listens; the socket "
            + "unit needs ListenStream= and Accept=no")
      }
      _ = fcntl(socket.descriptor, F_SETFD, FD_CLOEXEC)
    }
    return sockets
  }

  private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
    var value: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
  }
}
