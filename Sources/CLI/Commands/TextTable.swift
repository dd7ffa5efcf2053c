/// Columns for a terminal: words to the left, numbers to the right, widths by what is in them.
struct TextTable {
  enum Alignment { case left, right }

  private let titles: [String]
  private let alignments: [Alignment]
  private var rows: [[String]] = []

  init(_ columns: [(title: String, alignment: Alignment)]) {
    titles = columns.map(\.title)
    alignments = columns.map(\.alignment)
  }

  var isEmpty: Bool { rows.isEmpty }

  mutating func add(_ cells: [String]) {
    precondition(cells.count == titles.count, "a row has one cell a column")
    rows.append(cells.map(Self.printable))
  }

  var text: String {
    let lines = [titles] + rows
    let widths = titles.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line(of: $0, widths: widths) }.joined(separator: "\n")
  }

  private func line(of cells: [String], widths: [Int]) -> String {
    let padded = cells.indices.map { column in
      let padding = String(repeating: " ", count: widths[column] - cells[column].count)
      return alignments[column] == .left ? cells[column] + padding : padding + cells[column]
    }
    let line = padded.joined(separator: "  ")
    return String(line.reversed().drop { $0 == " " }.reversed())
  }

  /// Names come from miners, so nothing in them may steer a terminal.
  private static func printable(_ cell: String) -> String {
    String(
      String.UnicodeScalarView(
        cell.unicodeScalars.map { scalar in
          let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
          return isControl ? "\u{FFFD}" : scalar
        }))
  }
}

/// Numbers as people read them.
enum Format {
  /// With exactly `places` decimals.
  static func decimal(_ value: Double, places: Int) -> String {
    guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = Int((abs(value) * Double(scale)).rounded())
    let sign = value < 0 && scaled != 0 ? "-" : ""
    if places == 0 { return sign + String(scaled) }
    let fraction = String(scaled % scale)
    let zeros = String(repeating: "0", count: places - fraction.count)
    return "\(sign)\(scaled / scale).\(zeros)\(fraction)"
  }

  /// With `,` between thousands.
  static func count(_ value: Int) -> String {
    let digits = String(value.magnitude)
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { result += "," }
      result.append(digit)
    }
    return value < 0 ? "-" + result : result
  }

  /// In the unit that fits: `640 µs`, `12.3 ms`, `1.50 s`.
  static func duration(_ duration: Duration?) -> String {
    guard let duration else { return "–" }
    let seconds = duration / .seconds(1)
    switch seconds {
    case ..<0.001: return "\(decimal(seconds * 1e6, places: 0)) µs"
    case ..<0.1: return "\(decimal(seconds * 1e3, places: 2)) ms"
    case ..<1: return "\(decimal(seconds * 1e3, places: 0)) ms"
    default: return "\(decimal(seconds, places: 2)) s"
    }
  }
}
