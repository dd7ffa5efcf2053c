import Domain
import JSON

/// Reads the heartbeat that miners send in the ordinary course in one walk over its bytes, many times faster
/// than by way of `JSONValue`.
///
/// It knows only how to succeed, as `PlainMatchReader` does: anything else makes it give up, and the
/// text is read in the general way, which knows all faults by name. Where it succeeds, its result is the
/// general way's.
struct PlainHeartbeatReader: PlainObjectReader {
  var scanner: JSONScanner
  private var heartbeat = Heartbeat()
  private var jobs: UInt32?

  /// - Returns: nil when the general way has to read it.
  static func read(_ bytes: UnsafeRawBufferPointer) -> Heartbeat? {
    var reader = PlainHeartbeatReader(scanner: JSONScanner(bytes))
    guard reader.readObject(), reader.scanner.isAtEnd() else { return nil }
    let length = reader.heartbeat.status.queueLength ?? reader.jobs
    guard let length else { return nil }
    reader.heartbeat.status.queueLength = length
    return reader.heartbeat
  }

  private init(scanner: JSONScanner) {
    self.scanner = scanner
    heartbeat.status.busy = false
  }

  enum Field: UInt32 {
    case time, sequence, queueLength, busy, jobs, latency, temperature, freeMemory
  }

  /// The fields' names are all of different lengths.
  static func field(_ name: UnsafeRawBufferPointer) -> Field? {
    let known: (StaticString, Field)
    switch name.count {
    case 2: known = ("ts", .time)
    case 3: known = ("seq", .sequence)
    case 4: known = ("busy", .busy)
    case 6: known = ("temp_c", .temperature)
    case 9: known = ("queue_len", .queueLength)
    case 11: known = ("mem_free_gb", .freeMemory)
    case 12: known = ("current_jobs", .jobs)
    case 14: known = ("avg_latency_ms", .latency)
    default: return nil
    }
    for index in 0..<name.count where name[index] != known.0.utf8Start[index] { return nil }
    return known.1
  }

  mutating func readValue(of field: Field) -> Bool {
    switch field {
    case .time: return scanner.decimal() != nil || scanner.text() != nil
    case .sequence:
      heartbeat.sequence = integer(in: 0...Int.max)
      return heartbeat.sequence != nil
    case .queueLength:
      heartbeat.status.queueLength = integer(in: Limits.queueLength).map(UInt32.init)
      return heartbeat.status.queueLength != nil
    case .jobs:
      jobs = integer(in: Limits.queueLength).map(UInt32.init)
      return jobs != nil
    case .busy:
      heartbeat.status.busy = scanner.bool()
      return heartbeat.status.busy != nil
    case .latency:
      heartbeat.status.avgLatencyMilliseconds = number(in: Limits.latencyMilliseconds)
      return heartbeat.status.avgLatencyMilliseconds != nil
    case .temperature:
      heartbeat.status.temperatureCelsius = number(in: Limits.celsius)
      return heartbeat.status.temperatureCelsius != nil
    case .freeMemory:
      heartbeat.status.memFreeGB = number(in: Limits.gigabytes)
      return heartbeat.status.memFreeGB != nil
    }
  }

  private mutating func number(in range: ClosedRange<Double>) -> Double? {
    guard let number = scanner.decimal()?.double, range.contains(number) else { return nil }
    return number
  }

  private mutating func integer(in range: ClosedRange<Int>) -> Int? {
    guard let number = scanner.decimal(), number.places == 0, !number.isNegative,
      range.contains(Int(number.digits))
    else { return nil }
    return Int(number.digits)
  }
}
