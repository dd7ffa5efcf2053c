/// Which methods each path takes, for 405 answers. Filled while the routes are added.
struct PathTable: Sendable {
  private var entries: [(segments: [String], methods: [String])] = []

  mutating func add(_ path: String, methods: [String]) {
    entries.append((Self.segments(of: path), methods))
  }

  /// In alphabetical order; empty when there is no such path.
  func methods(of path: String) -> [String] {
    let segments = Self.segments(of: path)
    var methods = Set<String>()
    for entry in entries where Self.fits(segments, entry.segments) {
      methods.formUnion(entry.methods)
    }
    return methods.sorted()
  }

  private static func fits(_ segments: [String], _ pattern: [String]) -> Bool {
    segments.count == pattern.count
      && zip(segments, pattern).allSatisfy { $1.hasPrefix("{") || $0 == $1 }
  }

  private static func segments(of path: String) -> [String] {
    path.split(separator: "/").map(String.init)
  }
}
