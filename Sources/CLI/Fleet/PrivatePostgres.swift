import FoundationEssentials
import Glibc

/// A PostgreSQL server of our own: its data in a folder, reached over a Unix socket only, and gone
/// when we are. What it stored is there at the next start.
///
/// PostgreSQL refuses to run as root, so root starts it as the user `postgres`.
package actor PrivatePostgres {
  /// How long a start may take, recovery after a crash included.
  package static let startTimeout = Duration.seconds(60)
  /// How long a fast shutdown may take before we insist.
  package static let stopTimeout = Duration.seconds(20)

  /// A libpq connection string for the database `poolhub` as its owner.
  package nonisolated let dsn: String
  /// What the server wrote: `postgres.log` in the folder.
  package nonisolated let logPath: String
  /// The running server, or the last one.
  package private(set) var child: ChildProcess?

  private let directory: String
  private let socketDirectory: String
  private let parameters: [String]
  private let port: Int
  private let fsync: Bool

  private var dataDirectory: String { directory + "/data" }

  /// - Parameters:
  ///   - directory: created when missing; belongs to the server from then on.
  ///   - fsync: false only where a crash of the machine may cost the data: tests.
  ///   - port: also part of the socket's name; it matters only to who listens on TCP, by `parameters`.
  ///   - parameters: more server settings, as `name=value`.
  package init(
    directory: String, fsync: Bool = true, port: Int = 5432, parameters: [String] = []
  ) {
    let directory = Self.absolute(directory)
    self.directory = directory
    self.fsync = fsync
    self.parameters = parameters
    self.port = port
    logPath = directory + "/postgres.log"
    socketDirectory = Self.socketDirectory(for: directory)
    dsn = "host='\(socketDirectory)' port=\(port) user=poolhub dbname=poolhub"
  }

  package var pid: pid_t? { child.flatMap { $0.isRunning ? $0.pid : nil } }

  /// Starts the server and waits until the database `poolhub` takes connections.
  /// Where the folder is empty it makes a new one first. Does nothing while the server runs.
  package func start() async throws(PrivatePostgresError) {
    if child?.isRunning == true { return }
    let programs = try Self.programs()
    try await prepareDirectories()
    let deadline = ContinuousClock.now + Self.startTimeout
    try await awaitPredecessor(until: deadline)
    if access(dataDirectory + "/PG_VERSION", F_OK) != 0 { try await initialise(with: programs) }
    try await launch(with: programs, until: deadline)
    try await createDatabase(with: programs)
  }

  /// Shuts down fast but cleanly: open transactions are rolled back, everything else is on disk.
  package func stop() async {
    if let child, child.isRunning {
      child.terminate(signal: SIGINT)
      let deadline = ContinuousClock.now + Self.stopTimeout
      while child.isRunning && ContinuousClock.now < deadline { await Self.pause() }
      child.terminate(signal: SIGKILL)
      _ = await child.waitForExit()
    }
    if socketDirectory != directory { try? FileManager.default.removeItem(atPath: socketDirectory) }
  }

  // MARK: Start, step by step

  private func prepareDirectories() async throws(PrivatePostgresError) {
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    } catch {
      throw PrivatePostgresError("the folder \(directory) could not be created", logPath: nil)
    }
    let fresh = socketDirectory != directory && mkdir(socketDirectory, 0o700) == 0
    guard getuid() == 0 else { return }
    guard let owner = getpwnam("postgres") else {
      throw PrivatePostgresError("there is no user postgres for root to run it as", logPath: nil)
    }
    let (uid, gid) = (owner.pointee.pw_uid, owner.pointee.pw_gid)
    if fresh { chown(socketDirectory, uid, gid) }
    // Also takes over the folder of somebody who ran this before as an ordinary user.
    var status = stat()
    if stat(directory, &status) == 0 && status.st_uid != uid {
      _ = try await run("/bin/chown", ["-R", "\(uid):\(gid)", directory], as: nil)
    }
  }

  /// After our own violent end the old server may still be shutting down: waits for it. What a
  /// server that was killed left behind is removed, since its pid may be somebody else's by now.
  private func awaitPredecessor(
    until deadline: ContinuousClock.Instant
  ) async throws(PrivatePostgresError) {
    let file = dataDirectory + "/postmaster.pid"
    while let pid = pidFileLines().first.flatMap({ pid_t($0) }) {
      var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
      let count = readlink("/proc/\(pid)/cwd", &buffer, buffer.count)
      let cwd = String(decoding: buffer.prefix(max(count, 0)).map(UInt8.init), as: UTF8.self)
      if cwd != Self.resolved(dataDirectory) {
        unlink(file)
        unlink(socketDirectory + "/.s.PGSQL.\(port).lock")
        return
      }
      if ContinuousClock.now > deadline {
        throw PrivatePostgresError("process \(pid) already serves \(dataDirectory)", logPath: nil)
      }
      await Self.pause()
    }
  }

  /// Makes a new database cluster beside its place and moves it there whole, so that a start that
  /// was cut short leaves nothing half made.
  private func initialise(with programs: String) async throws(PrivatePostgresError) {
    let unfinished = directory + "/data.new"
    try? FileManager.default.removeItem(atPath: unfinished)
    var arguments = [
      "--auth=trust", "--no-locale", "--encoding=UTF8", "--username=poolhub", "--no-instructions",
      "--pgdata=\(unfinished)",
    ]
    if !fsync { arguments.append("--no-sync") }
    let status = try await run(programs + "/initdb", arguments, as: user)
    if status != 0 || rename(unfinished, dataDirectory) != 0 {
      throw PrivatePostgresError("initdb failed with status \(status)", logPath: logPath)
    }
  }

  private func launch(
    with programs: String, until deadline: ContinuousClock.Instant
  ) async throws(PrivatePostgresError) {
    var arguments = ["-D", dataDirectory]
    let settings = [
      "listen_addresses=", "port=\(port)", "unix_socket_directories=\(socketDirectory)",
      "unix_socket_permissions=0700", "max_connections=200", "fsync=\(fsync ? "on" : "off")",
    ]
    for setting in settings + parameters { arguments += ["-c", setting] }
    while true {
      let server = try await start(programs + "/postgres", arguments, as: user)
      child = server
      while server.isRunning {
        if pidFileLines().first == String(server.pid), pidFileLines().last == "ready" { return }
        if ContinuousClock.now > deadline {
          await stop()
          throw PrivatePostgresError("it was not ready in time", logPath: logPath)
        }
        await Self.pause()
      }
      // A killed server's children live on for a moment and hold its shared memory.
      let isHeld = Self.tail(of: logPath).contains("shared memory block")
      if !isHeld || ContinuousClock.now > deadline {
        throw PrivatePostgresError("it ended while starting", logPath: logPath)
      }
      await Self.pause()
    }
  }

  private func createDatabase(with programs: String) async throws(PrivatePostgresError) {
    let server = ["--host=\(socketDirectory)", "--port=\(port)", "--username=poolhub"]
    let probe = server + ["--no-psqlrc", "--dbname=poolhub", "--command=SELECT 1"]
    if try await run(programs + "/psql", probe, as: nil, output: .discarded) == 0 { return }
    let status = try await run(programs + "/createdb", server + ["poolhub"], as: nil)
    let isUsable = try await run(programs + "/psql", probe, as: nil) == 0
    if status != 0 || !isUsable {
      await stop()
      throw PrivatePostgresError("the database could not be created", logPath: logPath)
    }
  }

  // MARK: Children

  /// Whom the server runs as; nil: us.
  private var user: ChildProcess.User? {
    guard getuid() == 0 else { return nil }
    // In a folder that only root may enter (a clone in root's home), postgres needs a way in.
    let capabilities = Self.isReachableByAll(directory) ? [] : ["dac_override", "dac_read_search"]
    return ChildProcess.User(name: "postgres", capabilities: capabilities)
  }

  private func run(
    _ program: String, _ arguments: [String], as user: ChildProcess.User?,
    output: ChildProcess.Output? = nil
  ) async throws(PrivatePostgresError) -> Int32 {
    await (try start(program, arguments, as: user, output: output)).waitForExit()
  }

  private func start(
    _ program: String, _ arguments: [String], as user: ChildProcess.User?,
    output: ChildProcess.Output? = nil
  ) async throws(PrivatePostgresError) -> ChildProcess {
    do {
      // Nothing of our environment: PGDATA, PGPORT and their like would change what it does.
      return try await ChildProcess.start(
        executable: program, arguments: arguments,
        environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"], user: user,
        deathSignal: .interrupt, output: output ?? .file(logPath), workingDirectory: "/")
    } catch {
      throw PrivatePostgresError("\(error)", logPath: nil)
    }
  }

  // MARK: Files

  /// `postmaster.pid`: the pid first, the state last; empty when there is none.
  private func pidFileLines() -> [String] {
    guard let data = FileManager.default.contents(atPath: dataDirectory + "/postmaster.pid") else {
      return []
    }
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map { line in
      String(line.prefix { $0 != " " })
    }
  }

  /// Debian's newest server's programs.
  private static func programs() throws(PrivatePostgresError) -> String {
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    let newest = versions.compactMap { Int($0) }
      .filter { access("\(root)/\($0)/bin/initdb", X_OK) == 0 }.max()
    guard let newest else {
      throw PrivatePostgresError("there is no server under \(root)", logPath: nil)
    }
    return "\(root)/\(newest)/bin"
  }

  /// The folder itself, unless a socket's path there would be too long (107 bytes) or hold what a
  /// connection string cannot say: then a fresh one under /tmp.
  private static func socketDirectory(for directory: String) -> String {
    let isPlain = directory.utf8.allSatisfy { byte in
      byte > 0x20 && byte < 0x7f && !"',\"\\".utf8.contains(byte)
    }
    if isPlain && directory.utf8.count + "/.s.PGSQL.65535".utf8.count <= 107 { return directory }
    return "/tmp/poolhub-" + String(UInt64.random(in: .min ... .max), radix: 36)
  }

  private static func isReachableByAll(_ directory: String) -> Bool {
    var path = resolved(directory)
    while let slash = path.lastIndex(of: "/") {
      path = String(path[..<slash])
      var status = stat()
      guard stat(path.isEmpty ? "/" : path, &status) == 0 else { return false }
      if status.st_mode & S_IXOTH == 0 { return false }
    }
    return true
  }

  private static func absolute(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    return FileManager.default.currentDirectoryPath + "/" + path
  }

  private static func resolved(_ path: String) -> String {
    guard let pointer = realpath(path, nil) else { return path }
    defer { free(pointer) }
    return String(cString: pointer)
  }

  fileprivate static func tail(of path: String) -> String {
    let data = FileManager.default.contents(atPath: path) ?? Data()
    let lines = String(decoding: data.suffix(4_096), as: UTF8.self).split(separator: "\n")
    return lines.suffix(12).joined(separator: "\n")
  }

  private static func pause() async { try? await Task.sleep(for: .milliseconds(20)) }
}

/// Why a private PostgreSQL did not start, with the end of its log.
package struct PrivatePostgresError: Error, CustomStringConvertible {
  package let description: String

  init(_ reason: String, logPath: String?) {
    let tail = logPath.map { "\n" + PrivatePostgres.tail(of: $0) } ?? ""
    description = "PostgreSQL: \(reason)\(tail)"
  }
}
