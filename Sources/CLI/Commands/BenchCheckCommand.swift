import ArgumentParser
import FoundationEssentials
import JSON
import PathBenchmark

struct BenchCheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Whether the ratios of a run are what they were.",
    discussion: """
      Compares the ratios in a bench.json with those that are expected, and fails when one has fallen by more than a \
      third or is missing. Ratios come from one run each, so they hold on other machines, too.
      """)

  @Option(help: "What a run found.")
  var figures = "bench.json"

  @Option(help: "What is expected.")
  var expected = "Tests/Benchmarks/ratios.json"

  @Flag(help: "Write what the run found as what is expected from now on.")
  var write = false

  func run() async throws {
    guard let found = BenchFigures(json: try Self.read(figures)) else {
      throw CommandError("\(figures) isn't what poolhub bench all writes")
    }
    let ratios = BenchRatios.of(found)
    if write {
      let text = Data(BenchRatios.text(ratios).utf8)
      return try text.write(to: URL(filePath: expected), options: .atomic)
    }
    guard let expected = BenchRatios.read(try Self.read(expected)) else {
      throw CommandError("\(self.expected) isn't an object of numbers")
    }
    var table = TextTable([("ratio", .left), ("now", .right), ("expected", .right)])
    for (name, value) in ratios {
      let before = expected[name].map { Format.decimal($0, places: 3) } ?? "–"
      table.add([name, Format.decimal(value, places: 3), before])
    }
    Console.out(table.text)
    let faults = BenchRatios.faults(found, expected: expected)
    if !faults.isEmpty { throw CommandError(faults.joined(separator: "; ")) }
  }

  private static func read(_ path: String) throws -> JSONValue {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw CommandError("there is no \(path)")
    }
    return try JSONValue.parse(Array(data))
  }
}
