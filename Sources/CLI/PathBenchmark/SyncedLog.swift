import Glibc
import Threads

/// The floor of reports that are on disk before they are answered: as many bytes appended to one file, where what came
/// meanwhile is written and synced together, as PostgreSQL's log is. It waits for the disk and for nothing else.
package struct SyncedLog {
  package struct Result: Sendable {
    package var p50Milliseconds = 0.0
    package var p99Milliseconds = 0.0
  }

  /// What a report adds to PostgreSQL's log, by `pg_stat_wal`.
  static let recordByteCount = 820
  /// Between two syncs, about as between the hub's transactions.
  private static let pauseMicroseconds: UInt32 = 10_000
  /// Written before it begins, and over again: a file that grows syncs more than its bytes.
  private static let fileByteCount = 64 << 20

  private let file: CInt
  private let perSecond: Double
  private let count: Int

  /// Records at a fixed rate, on a thread of their own. Latencies are from when each was due to when it was synced.
  ///
  /// - Parameter path: a file that isn't there yet; it is removed in the end.
  /// - Throws: `BenchmarkError` when it can't be written.
  package static func run(
    path: String, perSecond: Double, seconds: Double
  ) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      startThread(name: "synced-log") {
        continuation.resume(
          with: Swift.Result {
            let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard file >= 0 else { throw BenchmarkError("\(path) can't be made") }
            defer {
              close(file)
              unlink(path)
            }
            let log = SyncedLog(file: file, perSecond: perSecond, seconds: seconds)
            try log.append([UInt8](repeating: 1, count: fileByteCount), at: 0)
            return try log.run()
          })
      }
    }
  }

  private init(file: CInt, perSecond: Double, seconds: Double) {
    self.file = file
    self.perSecond = perSecond
    count = max(1, Int(perSecond * seconds))
  }

  private func run() throws -> Result {
    let records = [UInt8](repeating: 2, count: Self.fileByteCount)
    var latencies: [Double] = []
    latencies.reserveCapacity(count)
    var place = 0
    let start = ContinuousClock.now
    while latencies.count < count {
      usleep(Self.pauseMicroseconds)
      let due = min(count, Int((ContinuousClock.now - start) / .seconds(1) * perSecond))
      let bytes = min(records.count, (due - latencies.count) * Self.recordByteCount)
      if place + bytes > records.count { place = 0 }
      try append(records[..<bytes], at: place)
      place += bytes
      let synced = (ContinuousClock.now - start) / .milliseconds(1)
      latencies += (latencies.count..<due).map { synced - Double($0) / perSecond * 1_000 }
    }
    latencies.sort()
    return Result(
      p50Milliseconds: latencies[count / 2], p99Milliseconds: latencies[count * 99 / 100])
  }

  private func append(_ bytes: some Sequence<UInt8>, at place: Int) throws {
    let written = bytes.withContiguousStorageIfAvailable {
      pwrite(file, $0.baseAddress, $0.count, place)
    }
    guard let written, written >= 0, fdatasync(file) == 0 else {
      throw BenchmarkError("the log can't be written: \(String(cString: strerror(errno)))")
    }
  }
}
