import ArgumentParser
import Fleet
import FoundationEssentials
import PathBenchmark

struct BenchAllCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "all",
    abstract: "All benchmarks as one table, each figure beside its floor (make bench).",
    discussion: """
      Runs the other benchmarks one after another, each as a command of its own, and puts what they find into one \
      document and one JSON file. One that fails is shown as failed, and the others still count.
      """)

  @Flag(help: "In two minutes, with fewer rounds, sizes and parts.")
  var quick = false

  @Option(help: "The file that the document is written to; none: it is only printed.")
  var document: String?

  @Option(help: "The file that the figures are written to.")
  var figures = "bench.json"

  func run() async throws {
    FileLimit.raise()
    let clock = ContinuousClock()
    let begin = clock.now
    let parts = quick ? BenchPart.quick : BenchPart.full
    let failed = try await BenchFolder.with { folder in
      var table = BenchTable(parts: parts)
      for (number, part) in parts.enumerated() {
        Console.error("\(number + 1) of \(parts.count): \(part.command)")
        let outcome = await part.run(folder: folder)
        if case .failed(let reason) = outcome { Console.error("failed: \(reason)") }
        table.take(outcome, of: part)
        // As far as it is known: whoever ends this has what was measured.
        try Self.write(table.figures.json + "\n", to: figures)
      }
      let machine = await BenchMachine.describe(
        command: quick ? "make bench-quick" : "make bench", folder: folder)
      let seconds = Int((clock.now - begin) / .seconds(1))
      let text = BenchDocument(table: table, machine: machine, seconds: seconds).text
      if let document { try Self.write(text, to: document) }
      Console.out(text)
      return table.failures.map(\.command)
    }
    if !failed.isEmpty { throw CommandError("failed: \(failed.joined(separator: "; "))") }
  }

  private static func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
  }
}
