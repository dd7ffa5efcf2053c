import Foundation
import Glibc
import TestSupport
import Testing

/// Whether a process of this number runs; one that has ended and waits for its parent doesn't.
func isRunning(_ pid: pid_t) -> Bool {
  guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
    let parenthesis = text.lastIndex(of: ")")
  else { return false }
  return text[parenthesis...].dropFirst(2).first != "Z"
}

/// Whether all threads of a process have stopped; a signal takes its time to reach them.
func isStopped(_ pid: pid_t) -> Bool {
  let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
  return threads.allSatisfy { thread in
    let text =
      (try? String(contentsOfFile: "/proc/\(pid)/task/\(thread)/stat", encoding: .utf8)) ?? ""
    return text.lastIndex(of: ")").map { text[$0...].dropFirst(2).first == "T" } ?? true
  }
}

/// The process and all that descend from it.
func family(of pid: pid_t) -> [pid_t] {
  let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
  let children = threads.flatMap { thread in
    let path = "/proc/\(pid)/task/\(thread)/children"
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return text.split(separator: " ").compactMap { pid_t($0) }
  }
  return [pid] + children.flatMap { family(of: $0) }
}

extension RunningHub {
  /// Stops processes as a debugger would, and lets them go on after `body`, whatever happens in it.
  ///
  /// PostgreSQL's servers are processes of their own, so a whole family is stopped at once.
  func whileStopped<Value>(
    _ names: String..., body: () async throws -> Value
  ) async throws -> Value {
    var stopped: [pid_t] = []
    defer { for pid in stopped.reversed() { kill(pid, SIGCONT) } }
    for name in names {
      let root = try pid(of: name)
      // The parent first, so that it starts nobody meanwhile.
      kill(root, SIGSTOP)
      stopped.append(root)
      for child in family(of: root).dropFirst() {
        kill(child, SIGSTOP)
        stopped.append(child)
      }
    }
    await eventually("all of it stands still") { stopped.allSatisfy(isStopped) }
    return try await body()
  }

  /// Ends a process and waits until `dev` runs another in its place.
  func restart(_ name: String, by signal: Int32 = SIGKILL) async throws {
    let old = try pid(of: name)
    kill(old, signal)
    try await eventually("\(name) runs again") {
      guard let process = try state()?.processes.first(where: { $0.name == name }) else {
        return false
      }
      return process.pid != old && isRunning(process.pid)
    }
  }

  /// Waits until the gateway's health says so.
  func waitForHealth(
    _ status: String, scorers: Int? = nil, within timeout: Duration = .seconds(20),
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let client = try client()
    let what = scorers.map { "\(status) with \($0) scorers" } ?? status
    await eventually("health is \(what)", within: timeout, sourceLocation: sourceLocation) {
      guard let health = try? await client.health().json else { return false }
      return health["status"]?.string == status
        && (scorers == nil || health["scorers"]?.int == scorers)
    }
  }
}
