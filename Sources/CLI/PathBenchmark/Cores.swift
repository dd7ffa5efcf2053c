import CBenchmark
import FoundationEssentials
import Glibc

/// Who runs where while a server is measured: that server has one core to itself, the scorer the next one, and
/// clients and stores the others, or the scorer's where there are but two. Floors and the hub are measured alike.
package struct Cores: Sendable {
  package let server: UInt64
  package let scorer: UInt64
  package let others: UInt64
  package let all: UInt64

  /// - Returns: nil where there is only one core.
  package init?() {
    let all = thread_cores(0)
    guard all.nonzeroBitCount > 1 else { return nil }
    self.all = all
    server = all & (~all &+ 1)
    let afterServer = all & ~server
    scorer = afterServer & (~afterServer &+ 1)
    let left = afterServer & ~scorer
    others = left == 0 ? scorer : left
  }

  /// Binds all threads of a process, and of all that it started. Threads and processes that it starts from
  /// now on follow it.
  package static func bind(_ process: pid_t, to mask: UInt64) {
    // What is started between two looks shows in the second.
    for _ in 0..<2 {
      let children = childrenByParent()
      var next = [process]
      while let pid = next.popLast() {
        for thread in numbers(in: "/proc/\(pid)/task") { _ = set_thread_cores(thread, mask) }
        next += children[pid] ?? []
      }
    }
  }

  /// Binds this process alone: whom it has started stay where they are, whom it starts follow.
  package static func bindOurselves(to mask: UInt64) {
    for thread in numbers(in: "/proc/self/task") { _ = set_thread_cores(thread, mask) }
  }

  private static func childrenByParent() -> [pid_t: [pid_t]] {
    var children: [pid_t: [pid_t]] = [:]
    for pid in numbers(in: "/proc") {
      guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { continue }
      // The name in brackets may hold anything; behind it stand the state and the parent.
      let words = String(decoding: data, as: UTF8.self).split(separator: ")").last?
        .split(separator: " ")
      guard let words, words.count > 1, let parent = pid_t(words[1]) else { continue }
      children[parent, default: []].append(pid)
    }
    return children
  }

  private static func numbers(in folder: String) -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.compactMap { Int32($0) }
  }
}
