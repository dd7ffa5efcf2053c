import CLinux
import FoundationEssentials
import Glibc

/// Which processors a process may run on.
package enum Cores {
  /// Those that this process had when it was first asked.
  package static let all = (0..<1_024).filter { may_run_on(Int32($0)) == 1 }

  /// Holds all threads of a process to these. Threads and processes that they start later stay there,
  /// too.
  package static func hold(_ pid: pid_t, to cores: some Collection<Int>) {
    let processors = cores.map { Int32($0) }
    let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
    for thread in (threads ?? []).compactMap({ pid_t($0) }) {
      hold_to_processors(thread, processors, Int32(processors.count))
    }
  }
}
