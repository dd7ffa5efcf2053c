import Fleet
import FoundationEssentials
import Glibc

/// Who runs where while a server is measured: that server has one core to itself, the scorer the next one, and
/// clients and stores the others, or the scorer's where there are but two. Floors and the hub are measured alike.
package struct CorePlan: Sendable {
  package let server: [Int]
  package let scorer: [Int]
  package let others: [Int]
  package let all: [Int]

  /// - Returns: nil where there is only one core.
  package init?() {
    all = Cores.all
    guard all.count > 1 else { return nil }
    server = [all[0]]
    scorer = [all[1]]
    others = all.count > 2 ? Array(all[2...]) : scorer
  }

  /// Binds this process alone: whom it has started stay where they are, whom it starts follow.
  package static func bindOurselves(to cores: [Int]) { Cores.hold(getpid(), to: cores) }

  /// Binds a process and all that it started. Threads and processes that it starts from now on follow it.
  package static func bind(_ process: pid_t, to cores: [Int]) {
    // What is started between two looks shows in the second.
    for _ in 0..<2 {
      let children = childrenByParent()
      var next = [process]
      while let pid = next.popLast() {
        Cores.hold(pid, to: cores)
        next += children[pid] ?? []
      }
    }
  }

  private static func childrenByParent() -> [pid_t: [pid_t]] {
    var children: [pid_t: [pid_t]] = [:]
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    for pid in names.compactMap({ pid_t($0) }) {
      guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { continue }
      // The name in brackets may hold anything; behind it stand the state and the parent.
      let words = String(decoding: data, as: UTF8.self).split(separator: ")").last?
        .split(separator: " ")
      guard let words, words.count > 1, let parent = pid_t(words[1]) else { continue }
      children[parent, default: []].append(pid)
    }
    return children
  }
}
