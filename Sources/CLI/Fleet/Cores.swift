import CLinux
import FoundationEssentials
import Glibc

/// Which processors a process may run on, of the first 64.
package enum Cores {
  /// Those that this process had when it was first asked.
  package static let all: [Int] = {
    let mask = own_processors()
    return (0..<64).filter { mask >> UInt64($0) & 1 == 1 }
  }()

  /// Holds all threads of a process to these. Threads and processes that they start later stay there,
  /// too.
  package static func hold(_ pid: pid_t, to cores: some Collection<Int>) {
    let mask = cores.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
    let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
    for thread in (threads ?? []).compactMap({ pid_t($0) }) { _ = hold_to_processors(thread, mask) }
  }
}
