import Foundation

/// Reads Prometheus' text format 0.0.4 and says what is wrong with it.
///
/// https://prometheus.io/docs/instrumenting/exposition_formats/
struct PrometheusText {
  struct Sample: Equatable {
    var name: String
    /// As they stand in the text, in their order.
    var labels: [String: String]
    var value: Double
  }

  private(set) var samples: [Sample] = []
  private(set) var types: [String: String] = [:]
  private(set) var faults: [String] = []
  private var seen: Set<String> = []
  private var family = ""

  init(_ text: String) {
    if !text.hasSuffix("\n") { faults.append("no line feed at the end") }
    for line in text.split(separator: "\n") {
      if line.hasPrefix("#") { take(comment: line) } else { take(sample: String(line)) }
    }
    for (name, type) in types where type == "histogram" { checkHistogram(name) }
  }

  func samples(_ name: String) -> [Sample] { samples.filter { $0.name == name } }

  /// The sum over all samples of this name that have these labels; 0 where there is none.
  func total(_ name: String, _ labels: [String: String] = [:]) -> Double {
    samples(name).filter { sample in
      labels.allSatisfy { sample.labels[$0.key] == $0.value }
    }.reduce(0) { $0 + $1.value }
  }

  private mutating func take(comment line: Substring) {
    let words = line.split(separator: " ", maxSplits: 3).map(String.init)
    guard words.count >= 3, words[0] == "#", ["HELP", "TYPE"].contains(words[1]) else { return }
    if words[1] == "HELP" { return }
    if types[words[2]] != nil { faults.append("two types for \(words[2])") }
    family = words[2]
    types[words[2]] = words.last
    if !["counter", "gauge", "histogram", "summary", "untyped"].contains(words.last) {
      faults.append("an unknown type: \(line)")
    }
  }

  private mutating func take(sample line: String) {
    let pattern =
      /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]?Inf|[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(?: [0-9]+)?/
    guard let match = line.wholeMatch(of: pattern) else {
      return faults.append("not a sample: \(line)")
    }
    let name = String(match.1)
    let labels = labels(match.2.map(String.init) ?? "", line)
    let key = name + labels.sorted { $0.key < $1.key }.map { "\u{1}\($0)\u{2}\($1)" }.joined()
    if !seen.insert(key).inserted { faults.append("a series twice: \(line)") }
    let bare = ["_bucket", "_sum", "_count"].first { name == family + $0 } ?? ""
    let isOfFamily = name == family || (types[family] == "histogram" && !bare.isEmpty)
    if !isOfFamily { faults.append("apart from its family: \(line)") }
    let text = String(match.3).replacing("Inf", with: "infinity")
    guard let value = Double(text) else { return faults.append("not a number: \(line)") }
    if types[family] == "counter" && !(value >= 0) { faults.append("a counter below 0: \(line)") }
    samples.append(Sample(name: name, labels: labels, value: value))
  }

  private mutating func labels(_ text: String, _ line: String) -> [String: String] {
    var labels: [String: String] = [:]
    var rest = text[...]
    while !rest.isEmpty {
      let pattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/
      guard let match = rest.prefixMatch(of: pattern) else {
        faults.append("bad labels: \(line)")
        return labels
      }
      if labels.updateValue(String(match.2), forKey: String(match.1)) != nil {
        faults.append("a label twice: \(line)")
      }
      rest = rest[match.range.upperBound...]
    }
    return labels
  }

  /// Its buckets grow, end at +Inf, and agree with the count.
  private mutating func checkHistogram(_ name: String) {
    var series: [[String: String]: [(bound: Double, count: Double)]] = [:]
    for sample in samples(name + "_bucket") {
      var labels = sample.labels
      let text = labels.removeValue(forKey: "le") ?? ""
      guard let bound = text == "+Inf" ? .infinity : Double(text) else {
        faults.append("a bucket without a bound in \(name)")
        continue
      }
      series[labels, default: []].append((bound, sample.value))
    }
    for (labels, buckets) in series {
      let counts = buckets.map(\.count)
      if counts != counts.sorted() { faults.append("buckets of \(name) don't add up") }
      let bounds = buckets.map(\.bound)
      if bounds != bounds.sorted() || bounds.last != .infinity {
        faults.append("buckets of \(name) are out of order")
      }
      let count = samples(name + "_count").first { $0.labels == labels }?.value
      if count != counts.last { faults.append("the count of \(name) isn't its last bucket's") }
      if !samples(name + "_sum").contains(where: { $0.labels == labels }) {
        faults.append("no sum of \(name)")
      }
    }
  }
}
