import Fleet
import FoundationEssentials
import Glibc

/// Where and when a benchmark ran, and of what.
struct BenchMachine {
  let command: String
  let description: String

  static func describe(command: String, folder: String) async -> BenchMachine {
    let cores = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    let model = line(of: "/proc/cpuinfo", after: "model name") ?? "unknown processor"
    let memory = (line(of: "/proc/meminfo", after: "MemTotal") ?? "0").split(separator: " ").first
    let gigabytes = (memory.flatMap { Int($0) } ?? 0) / 1_000_000
    let kernel = text("/proc/sys/kernel/osrelease")
    let commit = await commit(folder: folder)
    let date = Date.now.ISO8601Format().prefix(10)
    return BenchMachine(
      command: command,
      description: """
        \(date), commit \(commit), release build, \(cores) cores of \(model), \(gigabytes) GB, Linux \(kernel)
        """)
  }

  /// What is checked out where we were started; with a plus when something of it was changed.
  private static func commit(folder: String) async -> String {
    let head = await git(["rev-parse", "--short=12", "HEAD"], folder)
    let changes = await git(["status", "--porcelain", "--untracked-files=no"], folder)
    guard let head, !head.isEmpty else { return "unknown" }
    return head + (changes?.isEmpty == false ? "+" : "")
  }

  private static func git(_ arguments: [String], _ folder: String) async -> String? {
    let log = folder + "/git.log"
    unlink(log)
    let child = try? await ChildProcess.start(
      executable: "/usr/bin/git", arguments: arguments, output: .file(log))
    guard let child, await child.waitForExit() == 0 else { return nil }
    return text(log)
  }

  private static func text(_ path: String) -> String {
    let data = FileManager.default.contents(atPath: path) ?? Data()
    return String(decoding: data, as: UTF8.self).split(separator: "\n").joined(separator: " ")
  }

  private static func line(of path: String, after name: String) -> String? {
    // Files under /proc tell no size, which `contents` doesn't mind.
    let data = FileManager.default.contents(atPath: path) ?? Data()
    let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first {
      $0.hasPrefix(name)
    }
    let value = line?.split(separator: ":", maxSplits: 1).last?.split(separator: " ")
    return value?.joined(separator: " ")
  }
}
