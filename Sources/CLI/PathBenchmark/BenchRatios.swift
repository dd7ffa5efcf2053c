import JSON

/// How the figures of one run stand to each other: what can be compared between machines and days, unlike the
/// figures themselves. More is better with all of them.
package enum BenchRatios {
  /// A ratio that has fallen to less than this share of what is expected is a fault.
  package static let tolerance = 2.0 / 3

  /// By name, those that can be told, in their order.
  package static func of(_ figures: BenchFigures) -> [(name: String, value: Double)] {
    let match = figures.match[BenchSizes.main]?.perSecond
    let floors = FloorServer.Kind.allCases.map { kind in
      ("match_to_\(kind.rawValue)", ratio(match, figures.floors[kind]?.perSecond))
    }
    let stores = BenchSizes.all.flatMap { size in
      let match = figures.match[size]?.perSecond
      return [
        ("match_to_postgres_\(size)", ratio(match, figures.postgres[size]?.perSecond)),
        ("match_to_redis_\(size)", ratio(match, figures.redis[size]?.perSecond)),
      ]
    }
    let hummingbird = figures.floors[.hummingbird]?.perSecond
    let others = [
      ("batch64_to_match", ratio(figures.batch64PerSecond, match)),
      ("batch64_to_index", ratio(figures.batch64PerSecond, figures.indexPerSecond)),
      ("feedback_to_hummingbird", ratio(figures.feedback?.perSecond, hummingbird)),
      ("match_100000_to_1000", ratio(match, figures.match[1_000]?.perSecond)),
      (
        "match_1000000_to_1000",
        ratio(figures.match[1_000_000]?.perSecond, figures.match[1_000]?.perSecond)
      ),
      ("scorers_2_to_1", ratio(figures.scorers[2], figures.scorers[1])),
    ]
    return (floors + stores + others).compactMap { name, value in value.map { (name, $0) } }
  }

  /// What has fallen too far, or could not be measured any more, a line each.
  package static func faults(_ figures: BenchFigures, expected: [String: Double]) -> [String] {
    let measured = Dictionary(uniqueKeysWithValues: of(figures).map { ($0.name, $0.value) })
    return expected.sorted { $0.key < $1.key }.compactMap { name, value in
      guard let now = measured[name] else { return "\(name) was not measured" }
      guard now < value * tolerance else { return nil }
      return "\(name) has fallen to \(rounded(now)), from \(rounded(value))"
    }
  }

  /// - Returns: nil for anything but an object of numbers.
  package static func read(_ json: JSONValue) -> [String: Double]? {
    guard let members = json.object?.members else { return nil }
    var ratios: [String: Double] = [:]
    for member in members {
      guard let value = member.value.double else { return nil }
      ratios[member.name] = value
    }
    return ratios
  }

  /// One line a ratio, so that a change of one shows as one.
  package static func text(_ ratios: [(name: String, value: Double)]) -> String {
    "{\n" + ratios.map { "  \"\($0.name)\": \(rounded($0.value))" }.joined(separator: ",\n")
      + "\n}\n"
  }

  private static func ratio(_ value: Double?, _ base: Double?) -> Double? {
    guard let value, let base, base > 0 else { return nil }
    return value / base
  }

  private static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
}
