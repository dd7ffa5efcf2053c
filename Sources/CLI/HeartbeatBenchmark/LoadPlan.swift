import FoundationEssentials
import Glibc
import JSON

/// What one load process is to do. It and whoever started it talk by files in a folder: `NAME.tokens` says
/// who connects, `NAME.go` that the heartbeats begin, `NAME.stop` that they may end before their time,
/// `NAME.end` that all is over; `NAME.state` says how it is going, `NAME.last` in the end what each miner
/// said last, `NAME.connects` when how many connected.
package struct LoadPlan: Sendable {
  package enum Transport: String, Sendable { case webSocket = "websocket", http }

  package var folder: String
  package var name: String
  package var transport: Transport
  package var port: Int
  /// The number of the first token's miner; the others follow.
  package var firstMiner: Int
  /// Heartbeats a second, of all its miners together.
  package var rate: Double
  package var seconds: Double
  /// How many a miner sends at once, as after a network that held them up.
  package var burst = 1
  /// Whether who is refused or loses its connection comes again.
  package var reconnects = false

  package init(
    folder: String, name: String, transport: Transport, port: Int, firstMiner: Int, rate: Double,
    seconds: Double
  ) {
    self.folder = folder
    self.name = name
    self.transport = transport
    self.port = port
    self.firstMiner = firstMiner
    self.rate = rate
    self.seconds = seconds
  }

  package func path(_ part: String) -> String { "\(folder)/\(name).\(part)" }

  package func writeTokens(_ tokens: [String]) throws {
    try Self.write(tokens.joined(separator: "\n"), to: path("tokens"))
  }

  func readTokens() throws -> [[UInt8]] {
    let data = try Data(contentsOf: URL(filePath: path("tokens")))
    return data.split(separator: UInt8(ascii: "\n")).map { Array($0) }
  }

  /// Makes a file that the other side waits for.
  package func signal(_ part: String) throws { try Self.write("", to: path(part)) }

  func hasSignal(_ part: String) -> Bool { FileManager.default.fileExists(atPath: path(part)) }

  /// nil before the load's first report.
  package func readState() -> LoadState? {
    FileManager.default.contents(atPath: path("state")).flatMap { LoadState(parsing: Array($0)) }
  }

  func write(_ state: LoadState) throws {
    try Data(state.encoded()).write(to: URL(filePath: path("state")), options: .atomic)
  }

  /// The last acknowledged heartbeat's number of each miner, in the order of the tokens.
  package func readLast() throws -> [Int] {
    let text = String(decoding: try Data(contentsOf: URL(filePath: path("last"))), as: UTF8.self)
    return text.split(separator: " ").compactMap { Int($0) }
  }

  func write(last: [Int]) throws {
    try Self.write(last.map { String($0) }.joined(separator: " "), to: path("last"))
  }

  /// What all of these loads counted of their connections.
  package static func connectCounts(of plans: [LoadPlan]) throws -> ConnectCounts {
    var counts = ConnectCounts()
    for plan in plans {
      let text = try Data(contentsOf: URL(filePath: plan.path("connects")))
      counts.add(text: String(decoding: text, as: UTF8.self))
    }
    return counts
  }

  func write(_ counts: ConnectCounts) throws { try Self.write(counts.text, to: path("connects")) }

  private static func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
  }
}

/// How a load is getting on.
package struct LoadState: Equatable, Sendable {
  package enum Phase: String, Sendable { case connecting, connected, beating, done }

  package var phase = Phase.connecting
  /// Of all that were to connect: those that are there.
  package var held = 0
  /// Refused, or lost again.
  package var lost = 0
  /// Why the last of those was lost.
  package var lastFault = ""
  package var connectSeconds = 0.0
  package var sent = 0
  package var acknowledged = 0
  /// Heartbeats that were due while their miner still waited for an `ack`, and so were left out.
  package var late = 0
  package var beatSeconds = 0.0
  /// How many acknowledgements took how long, in the buckets of `LatencyCounts`.
  package var latencies = LatencyCounts()

  package init() {}

  func encoded() -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.field("phase", phase.rawValue)
      json.field("held", held)
      json.field("lost", lost)
      json.field("last_fault", lastFault)
      json.field("connect_s", connectSeconds)
      json.field("sent", sent)
      json.field("acknowledged", acknowledged)
      json.field("late", late)
      json.field("beat_s", beatSeconds)
      json.arrayField("latencies") { json in for count in latencies.counts { json.value(count) } }
    }
    return json.bytes
  }

  init?(parsing bytes: [UInt8]) {
    guard let json = try? JSONValue.parse(bytes),
      let phase = json["phase"]?.string.flatMap({ Phase(rawValue: $0) })
    else { return nil }
    self.phase = phase
    held = json["held"]?.int ?? 0
    lost = json["lost"]?.int ?? 0
    lastFault = json["last_fault"]?.string ?? ""
    connectSeconds = json["connect_s"]?.double ?? 0
    sent = json["sent"]?.int ?? 0
    acknowledged = json["acknowledged"]?.int ?? 0
    late = json["late"]?.int ?? 0
    beatSeconds = json["beat_s"]?.double ?? 0
    latencies = LatencyCounts((json["latencies"]?.array ?? []).map { $0.int ?? 0 })
  }

  /// Several loads' states as one.
  package static func + (left: LoadState, right: LoadState) -> LoadState {
    var sum = left
    let order: [Phase] = [.connecting, .connected, .beating, .done]
    sum.phase = order.first { $0 == left.phase || $0 == right.phase } ?? left.phase
    sum.held += right.held
    sum.lost += right.lost
    if sum.lastFault.isEmpty { sum.lastFault = right.lastFault }
    sum.connectSeconds = max(left.connectSeconds, right.connectSeconds)
    sum.sent += right.sent
    sum.acknowledged += right.acknowledged
    sum.late += right.late
    sum.beatSeconds = max(left.beatSeconds, right.beatSeconds)
    sum.latencies = LatencyCounts(
      zip(left.latencies.counts, right.latencies.counts).map { $0 + $1 })
    return sum
  }
}

/// Times in logarithmic buckets 4.4 % wide, to be added up over processes.
package struct LatencyCounts: Equatable, Sendable {
  private static let bucketsPerDoubling = 16.0
  private static let bucketCount = 640

  package private(set) var counts: [Int]

  package init() { counts = [Int](repeating: 0, count: Self.bucketCount) }

  init(_ counts: [Int]) {
    self.init()
    for (bucket, count) in counts.prefix(Self.bucketCount).enumerated() {
      self.counts[bucket] = count
    }
  }

  package mutating func record(nanoseconds: Int64) {
    let bucket = Int(log2(Double(max(1, nanoseconds))) * Self.bucketsPerDoubling)
    counts[min(bucket, Self.bucketCount - 1)] += 1
  }

  /// The upper edge of the bucket with quantile `fraction`; nil when nothing was recorded.
  package func milliseconds(_ fraction: Double) -> Double? {
    let total = counts.reduce(0, +)
    if total == 0 { return nil }
    let wanted = max(1, Int((fraction * Double(total)).rounded(.up)))
    var seen = 0
    for (bucket, count) in counts.enumerated() {
      seen += count
      if seen >= wanted { return exp2(Double(bucket + 1) / Self.bucketsPerDoubling) / 1e6 }
    }
    return nil
  }
}
