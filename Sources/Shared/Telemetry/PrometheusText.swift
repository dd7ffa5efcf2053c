/// A series' labels, already written as the text format wants them:
/// https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
struct LabelSet: Hashable, Comparable, Sendable {
  /// `a="1",b="2"`, ordered by name; empty with no labels.
  private let pairs: String

  /// Names are made valid; of two with one name the first counts.
  init(_ labels: [(String, String)]) {
    var seen: Set<String> = []
    pairs =
      labels.map { (name: $0.0.prometheusName(allowsColon: false), value: $0.1) }
      .filter { seen.insert($0.name).inserted }
      .sorted { $0.name < $1.name }
      .map { "\($0.name)=\"\($0.value.escapedLabelValue)\"" }
      .joined(separator: ",")
  }

  var text: String { pairs.isEmpty ? "" : "{\(pairs)}" }

  /// With a histogram bucket's upper bound.
  func text(adding bound: String) -> String {
    pairs.isEmpty ? "{le=\"\(bound)\"}" : "{\(pairs),le=\"\(bound)\"}"
  }

  static func < (left: LabelSet, right: LabelSet) -> Bool {
    left.pairs < right.pairs
  }
}

extension String {
  fileprivate var escapedLabelValue: String {
    var escaped = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\"": escaped += "\\\""
      case "\n": escaped += "\\n"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  var escapedHelp: String {
    var escaped = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// The name with `_` for each character that a metric's or label's name can't have.
  func prometheusName(allowsColon: Bool) -> String {
    var name = ""
    for scalar in unicodeScalars {
      let isValid =
        switch scalar {
        case "a"..."z", "A"..."Z", "_": true
        case "0"..."9": !name.isEmpty
        case ":": allowsColon
        default: false
        }
      name.unicodeScalars.append(isValid ? scalar : "_")
    }
    return name.isEmpty ? "_" : name
  }
}

extension Double {
  /// Whole numbers without a fraction, `+Inf`, `-Inf` and `NaN` as the format spells them.
  var prometheusText: String {
    if isNaN { return "NaN" }
    if isInfinite { return self > 0 ? "+Inf" : "-Inf" }
    if let whole = Int64(exactly: self) { return "\(whole)" }
    return "\(self)"
  }
}
