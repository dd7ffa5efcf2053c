/// The scorers of this host, as systemd runs them: `poolhub-scorer@1.service` and so on.
package enum ScorerUnits {
  /// More make no sense on one host.
  package static let countLimit = 64
  private static let prefix = "poolhub-scorer@"
  private static let suffix = ".service"

  package static func name(_ number: Int) -> String { "\(prefix)\(number)\(suffix)" }

  /// The numbers of those that run, or are about to, in the order of numbers; what `list-units` printed.
  package static func running(in list: String) -> [Int] {
    list.split(separator: "\n").compactMap { line -> Int? in
      // UNIT LOAD ACTIVE SUB DESCRIPTION, perhaps with a mark before them.
      let words = line.split(separator: " ").drop { !$0.hasPrefix(prefix) }
      guard let unit = words.first, words.count >= 3, unit.hasSuffix(suffix),
        let number = Int(unit.dropFirst(prefix.count).dropLast(suffix.count)), number > 0
      else { return nil }
      let active = words[words.startIndex + 2]
      return ["active", "activating", "reloading"].contains(active) ? number : nil
    }.sorted()
  }

  package static let listArguments = [
    "list-units", "--all", "--plain", "--no-legend", "--no-pager", "\(prefix)*\(suffix)",
  ]
}

/// What has to be started and stopped so that as many scorers run as are wanted.
package struct ScalePlan: Equatable, Sendable {
  /// The lowest free numbers.
  package var start: [Int]
  /// The highest numbers, the highest first.
  package var stop: [Int]

  package init(running: [Int], wanted: Int) {
    let free = (1...).lazy.filter { !running.contains($0) }
    start = Array(free.prefix(max(0, wanted - running.count)))
    stop = Array(running.sorted(by: >).prefix(max(0, running.count - wanted)))
  }
}
