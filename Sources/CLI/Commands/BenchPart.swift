import Fleet
import FoundationEssentials
import Glibc
import JSON

/// One of the benchmarks that make the table, run as a command of its own, so that a failing one, or one that
/// hangs, takes no other with it.
struct BenchPart: Sendable {
  enum Name: String, CaseIterable, Sendable {
    case match, scorers, stores, feedback, index, heartbeats, start
  }

  let name: Name
  /// Behind `poolhub bench`.
  let arguments: [String]
  /// How often, where the command itself has no rounds.
  var repeats = 1
  var limit = Duration.seconds(240)

  init(_ name: Name, _ command: String, repeats: Int = 1) {
    self.name = name
    arguments = command.split(separator: " ").map(String.init)
    self.repeats = repeats
  }

  /// As a person would type it.
  var command: String {
    let times = repeats > 1 ? " (\(repeats) times)" : ""
    return (["poolhub", "bench"] + arguments).joined(separator: " ") + times
  }

  enum Outcome: Sendable {
    case figures([JSONValue])
    case failed(String)
  }

  func run(folder: String) async -> Outcome {
    var figures: [JSONValue] = []
    for number in 0..<repeats {
      do {
        figures.append(try await runOnce(log: "\(folder)/\(name.rawValue)-\(number).log"))
      } catch {
        return .failed("\(error)")
      }
    }
    return .figures(figures)
  }

  private func runOnce(log: String) async throws -> JSONValue {
    unlink(log)
    let child = try await ChildProcess.start(
      executable: OwnExecutable.path, arguments: ["bench"] + arguments + ["--json"],
      deathSignal: .terminate, output: .file(log))
    let limit = limit
    let guardian = Task {
      try await Task.sleep(for: limit)
      child.terminate()
      try await Task.sleep(for: .seconds(10))
      child.terminate(signal: SIGKILL)
    }
    let status = await child.waitForExit()
    guardian.cancel()
    let lines = (FileManager.default.contents(atPath: log) ?? Data())
      .split(separator: UInt8(ascii: "\n"))
    guard status == 0 else {
      let said = lines.last.map { String(decoding: $0, as: UTF8.self) } ?? "nothing"
      throw CommandError("status \(status): \(said)")
    }
    let starts = [UInt8(ascii: "{"), UInt8(ascii: "[")]
    guard let line = lines.last(where: { line in line.first.map(starts.contains) ?? false }),
      let json = try? JSONValue.parse(Array(line))
    else { throw CommandError("it printed no figures") }
    return json
  }
}

extension BenchPart {
  /// Under 15 minutes.
  static let full: [BenchPart] = [
    BenchPart(.match, "match --miners 1000,10000 --seconds 1 --rounds 5"),
    BenchPart(
      .match,
      "match --miners 100000 --seconds 2 --rounds 5 --more-connections 1,4,16 --batch"),
    BenchPart(.match, "match --miners 1000000 --seconds 1 --rounds 5"),
    BenchPart(.scorers, "match --miners 100000 --seconds 1 --rounds 5 --scorers 2 --no-floor"),
    BenchPart(.stores, "stores --miners 1000,10000,100000 --seconds 1 --rounds 5"),
    BenchPart(.feedback, "feedback --miners 100000 --rate 20200 --seconds 5 --rounds 5"),
    BenchPart(.index, "index --miners 100000 --seconds 1", repeats: 5),
    BenchPart(
      .heartbeats,
      "heartbeats --connections 5000 --rate 5000 --seconds 4 --http-connections 0", repeats: 5),
    BenchPart(.start, "start --miners 100000 --rounds 5"),
  ]

  /// In two minutes: what the ratios rest on.
  static let quick: [BenchPart] = [
    BenchPart(.match, "match --miners 1000 --seconds 1 --rounds 3 --no-floor"),
    BenchPart(.match, "match --miners 100000 --seconds 1 --rounds 3 --batch"),
    BenchPart(.scorers, "match --miners 100000 --seconds 1 --rounds 3 --scorers 2 --no-floor"),
    BenchPart(.stores, "stores --miners 100000 --seconds 0.5 --rounds 5"),
    BenchPart(.feedback, "feedback --miners 20000 --rate 20200 --seconds 2 --rounds 3"),
  ]
}
