import Fleet
import FoundationEssentials
import IndexBenchmark

/// Copies of `poolhub bench index`, each with an index of its own, that answer one alone and then all at once.
/// Files in a folder say when: `ready-N`, `go-ROUND`, `result-ROUND-N`.
struct BenchWorkers {
  let folder: String
  let count: Int
  let miners: Int
  let seconds: Int
  let seed: UInt64

  private static let pollInterval = Duration.milliseconds(2)

  /// - Returns: matches a second, all workers' together, by how many were at work.
  func run() async throws -> [Int: Double] {
    var children: [ChildProcess] = []
    defer { for child in children { child.terminate(signal: 9) } }
    for number in 1...count { children.append(try await start(number)) }
    let rounds = [1, count]
    for number in 1...count {
      _ = try await read("ready-\(number)", from: children[number - 1], number)
    }
    var rates: [Int: Double] = [:]
    for size in rounds {
      try Self.write("\(seconds)", to: "\(folder)/go-\(size)")
      var sum = 0.0
      for number in 1...size {
        let text = try await read("result-\(size)-\(number)", from: children[number - 1], number)
        sum += Double(text) ?? 0
      }
      rates[size] = sum
    }
    return rates
  }

  /// What a worker does until it is ended.
  static func work(number: Int, in folder: String, miners: Int, seed: UInt64) async throws {
    var worker = ThroughputWorker(miners: miners, seed: seed)
    try write("ready", to: "\(folder)/ready-\(number)")
    var done: Set<Int> = []
    while true {
      // The round's name is how many are to work: the first ones.
      for size in goSizes(in: folder) where size >= number && !done.contains(size) {
        let seconds = Double(try read("\(folder)/go-\(size)") ?? "") ?? 1
        let rate = worker.run(seconds: seconds)
        try write("\(rate)", to: "\(folder)/result-\(size)-\(number)")
        done.insert(size)
      }
      try await Task.sleep(for: pollInterval)
    }
  }

  private static func goSizes(in folder: String) -> [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.compactMap { $0.hasPrefix("go-") ? Int($0.dropFirst(3)) : nil }.sorted()
  }

  private func start(_ number: Int) async throws -> ChildProcess {
    try await ChildProcess.start(
      executable: OwnExecutable.path,
      arguments: [
        "bench", "index", "--miners", "\(miners)", "--seed", "\(seed)", "--worker-folder", folder,
        "--worker-number", "\(number)",
      ], output: .file("\(folder)/worker-\(number).log"))
  }

  private func read(_ name: String, from child: ChildProcess, _ number: Int) async throws -> String
  {
    while true {
      if let text = try Self.read("\(folder)/\(name)") { return text }
      if !child.isRunning {
        let lines = LogTail.lines(of: "\(folder)/worker-\(number).log", count: 3)
        throw CommandError("worker \(number) ended: \(lines.joined(separator: " / "))")
      }
      try await Task.sleep(for: Self.pollInterval)
    }
  }

  /// nil while there is no such file.
  private static func read(_ path: String) throws -> String? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
  }

  private static func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
  }
}
