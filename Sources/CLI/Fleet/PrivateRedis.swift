import FoundationEssentials
import Glibc

/// A Redis server of our own: its data in a folder, reached over a Unix socket only, and gone when we
/// are. What it stored is there at the next start, but for the last second when it was killed.
package actor PrivateRedis {
  /// How long a start may take, reading the stored data included.
  package static let startTimeout = Duration.seconds(30)
  /// How long a shutdown may take before we insist.
  package static let stopTimeout = Duration.seconds(10)

  /// `unix://…/redis.sock`.
  package nonisolated let url: String
  /// What the server wrote: `redis.log` in the folder.
  package nonisolated let logPath: String
  /// The running server, or the last one.
  package private(set) var child: ChildProcess?

  private let directory: String
  private let socketPath: String
  private let keepsData: Bool

  /// - Parameters:
  ///   - directory: created when missing; belongs to the server from then on.
  ///   - keepsData: false where the data may go with the server, which is quicker: tests.
  package init(directory: String, keepsData: Bool = true) {
    let isAbsolute = directory.hasPrefix("/")
    let here = FileManager.default.currentDirectoryPath
    self.directory = isAbsolute ? directory : here + "/" + directory
    self.keepsData = keepsData
    logPath = self.directory + "/redis.log"
    socketPath = Self.socketPath(for: self.directory)
    url = "unix://" + socketPath
  }

  package var pid: pid_t? { child.flatMap { $0.isRunning ? $0.pid : nil } }

  /// Starts the server and waits until it answers PING. Does nothing while it runs.
  package func start() async throws(PrivateRedisError) {
    if child?.isRunning == true { return }
    try prepareDirectories()
    let deadline = ContinuousClock.now + Self.startTimeout
    // After our own violent end the old server may still be writing its data.
    while Self.answersPing(at: socketPath) != nil {
      if ContinuousClock.now > deadline {
        throw PrivateRedisError("another Redis serves \(directory)", logPath: nil)
      }
      await Self.pause()
    }
    unlink(socketPath)
    let started: ChildProcess
    do {
      started = try await ChildProcess.start(
        executable: try Self.program(), arguments: arguments, deathSignal: .terminate,
        output: .file(logPath))
    } catch {
      throw PrivateRedisError("\(error)", logPath: nil)
    }
    child = started
    while Self.answersPing(at: socketPath) != true {
      if !started.isRunning { throw PrivateRedisError("Redis ended at once", logPath: logPath) }
      if ContinuousClock.now > deadline {
        started.terminate(signal: SIGKILL)
        throw PrivateRedisError("Redis wasn't ready in time", logPath: logPath)
      }
      await Self.pause()
    }
  }

  /// Shuts down cleanly: what it keeps is on disk.
  package func stop() async {
    if let child, child.isRunning {
      child.terminate(signal: SIGTERM)
      let deadline = ContinuousClock.now + Self.stopTimeout
      while child.isRunning && ContinuousClock.now < deadline { await Self.pause() }
      child.terminate(signal: SIGKILL)
      _ = await child.waitForExit()
    }
    let folder = String(socketPath.dropLast("/redis.sock".count))
    if folder != directory { try? FileManager.default.removeItem(atPath: folder) }
  }

  /// All of its configuration; there is no file.
  private var arguments: [String] {
    [
      "--port", "0", "--unixsocket", socketPath, "--unixsocketperm", "700", "--daemonize", "no",
      "--dir", directory, "--save", "", "--appendonly", keepsData ? "yes" : "no",
      "--appendfsync", "everysec", "--loglevel", "notice", "--databases", "1",
    ]
  }

  private func prepareDirectories() throws(PrivateRedisError) {
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    } catch {
      throw PrivateRedisError("the folder \(directory) could not be created", logPath: nil)
    }
    let folder = String(socketPath.dropLast("/redis.sock".count))
    guard folder != directory else { return }
    var status = stat()
    if mkdir(folder, 0o700) == 0 { return }
    // Somebody else's folder of that name would be a trap.
    guard lstat(folder, &status) == 0, status.st_uid == getuid(), status.st_mode & S_IFMT == S_IFDIR
    else { throw PrivateRedisError("the folder \(folder) is not ours", logPath: nil) }
  }

  /// In the folder itself, unless that makes the path too long for a socket (107 bytes): then in a short
  /// one in /tmp, with a name that two starts from the same folder share.
  private static func socketPath(for directory: String) -> String {
    let path = directory + "/redis.sock"
    if path.utf8.count <= 107 { return path }
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in directory.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    return "/tmp/poolhub-redis-\(getuid())-" + String(hash, radix: 36) + "/redis.sock"
  }

  private static func program() throws(PrivateRedisError) -> String {
    let folders = ["/usr/bin", "/usr/local/bin", "/usr/sbin", "/usr/local/sbin"]
    for folder in folders where access(folder + "/redis-server", X_OK) == 0 {
      return folder + "/redis-server"
    }
    throw PrivateRedisError("redis-server is missing: install redis-server", logPath: nil)
  }

  private static func pause() async { try? await Task.sleep(for: .milliseconds(10)) }

  /// - Returns: nil when nothing listens there, false when it listens but isn't ready yet.
  private static func answersPing(at path: String) -> Bool? {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { place in
      place.dropLast().copyBytes(from: path.utf8.prefix(place.count - 1))
    }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let isConnected = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
    }
    guard isConnected == 0 else { return nil }
    var patience = timeval(tv_sec: 1, tv_usec: 0)
    let length = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, length)
    let question = Array("PING\r\n".utf8)
    guard send(descriptor, question, question.count, Int32(MSG_NOSIGNAL)) > 0 else {
      return false
    }
    var answer = [UInt8](repeating: 0, count: 64)
    let count = recv(descriptor, &answer, answer.count, 0)
    return answer.prefix(max(count, 0)).starts(with: "+PONG".utf8)
  }
}

/// Why the server could not be started.
package struct PrivateRedisError: Error, Equatable, CustomStringConvertible {
  package let reason: String
  /// Where to read more.
  package let logPath: String?

  init(_ reason: String, logPath: String?) {
    self.reason = reason
    self.logPath = logPath
  }

  package var description: String { logPath.map { "\(reason); see \($0)" } ?? reason }
}
