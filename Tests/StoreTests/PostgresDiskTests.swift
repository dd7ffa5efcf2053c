import Fleet
import FoundationEssentials
import Glibc
import Postgres
import Testing

/// A file system of our own that is soon full.
private struct SmallDisk: ~Copyable {
  let path = "/tmp/phd-" + String(UInt32.random(in: .min ... .max), radix: 36)

  /// Whether we may mount: in many containers even root may not.
  static let isPossible: Bool = {
    let disk = try? SmallDisk(megabytes: 1)
    return disk != nil
  }()

  init(megabytes: Int) throws(POSIXError) {
    mkdir(path, 0o755)
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m,mode=0755") == 0 else {
      let code = errno
      rmdir(path)
      throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EPERM)
    }
  }

  deinit {
    umount2(path, Int32(MNT_DETACH))
    rmdir(path)
  }

  /// Writes until nothing more fits.
  func fill() {
    let file = open(path + "/filler", O_WRONLY | O_CREAT, 0o600)
    let zeros = [UInt8](repeating: 0, count: 1_000_000)
    while write(file, zeros, zeros.count) > 0 {}
    while write(file, zeros, 512) > 0 {}
    close(file)
  }

  func clear() { unlink(path + "/filler") }
}

@Suite("PostgreSQL on a full disk", .enabled(if: SmallDisk.isPossible))
struct PostgresDiskTests {
  @Test("writes are refused as unavailable, reads go on, and all is well once there is room")
  func full() async throws {
    let disk = try SmallDisk(megabytes: 160)
    let server = PrivatePostgres(directory: disk.path + "/pg", fsync: false)
    try await server.start()
    try await PostgresTestServer.withPool(dsn: server.dsn, sessions: 2) { pool in
      _ = try await pool.run {
        try Migrations.apply(directory: PostgresTestServer.migrations, on: &$0)
      }
      try await SampleMiners.register([SampleMiners.id("before")], in: pool)
      #expect(await pool.check() == nil)
      disk.fill()
      var refusal: PostgresError?
      for number in 0..<5_000 where refusal == nil {
        do {
          try await SampleMiners.register(
            [SampleMiners.id("m-\(number)")], in: pool, salt: number + 1)
        } catch let error as PostgresError {
          refusal = error
        }
      }
      #expect(refusal?.sqlState == "53100")
      #expect(refusal?.isUnavailable == true)
      #expect(await pool.check() == "refused (53100)")
      let store = PostgresMinerStore(pool: pool)
      #expect(try await store.record(SampleMiners.id("before")) != nil)
      // It is full until there is room, though nobody asks.
      try await Task.sleep(for: .milliseconds(2_500))
      #expect(await pool.check() == "refused (53100)")
      disk.clear()
      let freed = ContinuousClock.now
      try await eventually("it writes again") { await pool.check() == nil }
      #expect(ContinuousClock.now - freed < .seconds(5))
      try await SampleMiners.register([SampleMiners.id("after")], in: pool, salt: 9_999)
    }
    await server.stop()
  }
}
