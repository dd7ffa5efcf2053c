import FoundationEssentials
import Glibc
import Synchronization
import Threads

/// A program that we started and that cannot outlive us: the kernel sends it `deathSignal` when our
/// process ends, however it ends.
///
/// It runs in a process group of its own, so that a terminal's Ctrl-C reaches us alone and we
/// choose the order of the farewell. It inherits no file descriptor but its standard three.
package final class ChildProcess: Sendable {
  /// Where its standard output and error go.
  package enum Output: Sendable {
    case inherited
    case discarded
    /// Appended to this file, which is created (mode 0600) when missing.
    case file(String)
  }

  /// Another user to run as; needs us to be root.
  package struct User: Sendable {
    package var name: String
    /// Linux capabilities that it keeps nonetheless, as `setpriv` names them (`dac_override`).
    package var capabilities: [String]

    package init(name: String, capabilities: [String] = []) {
      self.name = name
      self.capabilities = capabilities
    }
  }

  /// What the kernel sends when our process ends, as `setpriv` names it.
  package enum DeathSignal: String, Sendable {
    case kill = "KILL"
    case interrupt = "INT"
    case terminate = "TERM"
  }

  private enum State {
    case running([CheckedContinuation<Int32, Never>])
    case ended(Int32)
  }

  package let executable: String
  package let pid: pid_t
  /// The child is reaped while this is locked, so that no signal ever goes to a pid used anew.
  private let state = Mutex(State.running([]))

  private init(executable: String, pid: pid_t) {
    self.executable = executable
    self.pid = pid
  }

  /// Starts `executable` with `arguments` (without its own name).
  ///
  /// - Parameters:
  ///   - environment: all of its environment; nil: a copy of ours.
  ///   - deathSignal: what it gets when our process ends.
  ///   - workingDirectory: nil: ours.
  /// - Throws: `ChildProcessError` when it cannot be started.
  package static func start(
    executable: String, arguments: [String] = [], environment: [String: String]? = nil,
    user: User? = nil, deathSignal: DeathSignal = .kill, output: Output = .inherited,
    workingDirectory: String? = nil
  ) async throws(ChildProcessError) -> ChildProcess {
    if executable.contains("/") && access(executable, X_OK) != 0 {
      throw ChildProcessError(executable: executable, reason: describe(errno))
    }
    let command = launchCommand(
      executable: executable, arguments: arguments, user: user, deathSignal: deathSignal)
    let pid = try await Spawner.shared.spawn(
      command, environment: environment ?? ProcessInfo.processInfo.environment, output: output,
      workingDirectory: workingDirectory, executable: executable)
    let child = ChildProcess(executable: executable, pid: pid)
    startThread(name: "reap-\(pid)") { child.reap() }
    return child
  }

  package var isRunning: Bool {
    state.withLock { if case .running = $0 { true } else { false } }
  }

  /// Sends `signal`, unless the child has ended.
  /// - Returns: whether it was sent.
  @discardableResult
  package func terminate(signal: Int32 = SIGTERM) -> Bool {
    state.withLock { state in
      guard case .running = state else { return false }
      return kill(pid, signal) == 0
    }
  }

  /// Waits until the child has ended.
  /// - Returns: its exit status, or 128 plus the number of the signal that ended it, as in a shell.
  package func waitForExit() async -> Int32 {
    await withCheckedContinuation { continuation in
      let status = state.withLock { state -> Int32? in
        switch state {
        case .ended(let status): return status
        case .running(let waiting):
          state = .running(waiting + [continuation])
          return nil
        }
      }
      if let status { continuation.resume(returning: status) }
    }
  }

  /// Blocks its thread until the child has ended; then takes the status under the lock.
  private func reap() {
    var info = siginfo_t()
    while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
    let (waiting, status) = state.withLock {
      state -> ([CheckedContinuation<Int32, Never>], Int32) in
      var raw: Int32 = 0
      while waitpid(pid, &raw, 0) < 0 && errno == EINTR {}
      let signal = raw & 0x7f
      let status = signal == 0 ? (raw >> 8) & 0xff : 128 + signal
      guard case .running(let waiting) = state else { return ([], status) }
      state = .ended(status)
      return (waiting, status)
    }
    for continuation in waiting { continuation.resume(returning: status) }
  }

  /// `setpriv` drops privileges and arms the death signal; the shell then makes sure that we hadn't
  /// ended before it was armed, and becomes the program.
  private static func launchCommand(
    executable: String, arguments: [String], user: User?, deathSignal: DeathSignal
  ) -> [String] {
    var command = ["/usr/bin/setpriv"]
    if let user {
      command += ["--reuid=\(user.name)", "--regid=\(user.name)", "--clear-groups"]
      let kept = user.capabilities.map { "+\($0)" }.joined(separator: ",")
      if !kept.isEmpty { command += ["--inh-caps=\(kept)", "--ambient-caps=\(kept)"] }
    }
    let parent = String(getpid())
    command += ["--pdeathsig", deathSignal.rawValue, "/bin/sh", "-c"]
    command += [#"[ "$PPID" = "$0" ] && exec "$@""#, parent, executable]
    return command + arguments
  }
}

/// Why a program could not be started.
package struct ChildProcessError: Error, Equatable, CustomStringConvertible {
  package let executable: String
  package let reason: String

  package var description: String { "\(executable) could not be started: \(reason)" }
}

/// The one thread that starts children. It never ends: the death signal tells of the end of the
/// thread that started a child, not of its process.
private actor Spawner {
  static let shared = Spawner()

  private let executor = ThreadExecutor(name: "spawner")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  func spawn(
    _ command: [String], environment: [String: String], output: ChildProcess.Output,
    workingDirectory: String?, executable: String
  ) throws(ChildProcessError) -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    switch output {
    case .inherited: break
    case .discarded: Self.redirect(&actions, to: "/dev/null", O_WRONLY)
    case .file(let path): Self.redirect(&actions, to: path, O_WRONLY | O_CREAT | O_APPEND)
    }
    if let workingDirectory { _ = GNUSpawn.addChangeDirectory(&actions, workingDirectory) }
    _ = GNUSpawn.addCloseFrom(&actions, 3)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    Self.setDefaults(&attributes)

    var pid = pid_t()
    let variables = environment.map { "\($0.key)=\($0.value)" }
    let failure = withCStrings(command) { argv in
      withCStrings(variables) { envp in
        posix_spawn(&pid, command[0], &actions, &attributes, argv, envp)
      }
    }
    if failure != 0 {
      throw ChildProcessError(executable: executable, reason: describe(failure))
    }
    return pid
  }

  private static func redirect(
    _ actions: inout posix_spawn_file_actions_t, to path: String, _ flags: Int32
  ) {
    posix_spawn_file_actions_addopen(&actions, 1, path, flags, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
  }

  /// A group of its own, and none of the signals that we block or ignore blocked or ignored in it.
  private static func setDefaults(_ attributes: inout posix_spawnattr_t) {
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
    posix_spawnattr_setflags(&attributes, Int16(flags))
  }
}

/// What glibc adds to `posix_spawn` (2.34 and later) but Swift's Glibc module doesn't show.
private enum GNUSpawn {
  typealias Actions = UnsafeMutablePointer<posix_spawn_file_actions_t>
  typealias ChangeDirectory = @convention(c) (Actions, UnsafePointer<CChar>) -> Int32
  typealias CloseFrom = @convention(c) (Actions, Int32) -> Int32

  static let addChangeDirectory = unsafeBitCast(
    symbol("posix_spawn_file_actions_addchdir_np"), to: ChangeDirectory.self)
  static let addCloseFrom = unsafeBitCast(
    symbol("posix_spawn_file_actions_addclosefrom_np"), to: CloseFrom.self)

  private static func symbol(_ name: String) -> UnsafeMutableRawPointer {
    guard let found = dlsym(nil, name) else { preconditionFailure("glibc is too old: no \(name)") }
    return found
  }
}

/// Gives `body` a null-ended array of C strings that lives as long as the call.
private func withCStrings<Result>(
  _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
  let pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
  defer { for pointer in pointers { free(pointer) } }
  return body(pointers)
}

private func describe(_ code: Int32) -> String { String(cString: strerror(code)) }
