import Fleet
import FoundationEssentials
import Glibc
import Postgres
import Testing

@Suite("Migrations")
struct MigrationTests {
  /// A folder with these files, removed after `body`.
  private func withFolder(
    _ files: [String: String], _ body: (String) async throws -> Void
  ) async throws {
    let folder = "/tmp/pht-sql-" + String(UInt64.random(in: .min ... .max), radix: 36)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (name, text) in files { try Data(text.utf8).write(to: file(name, in: folder)) }
    try await body(folder)
  }

  private func file(_ name: String, in folder: String) -> URL {
    URL(filePath: folder + "/" + name)
  }

  private func apply(_ folder: String, on pool: PostgresPool) async throws -> [String] {
    try await pool.run { try Migrations.apply(directory: folder, on: &$0) }
  }

  @Test("The project's own are applied once, in order; a second time there is nothing to do")
  func twice() async throws {
    try await PostgresTestServer.withFreshPool(migrated: false) { pool in
      let files = try Migrations.discover(directory: PostgresTestServer.migrations).map(\.file)
      #expect(files.first == "0001_miners.sql")
      #expect(try await apply(PostgresTestServer.migrations, on: pool) == files)
      #expect(try await apply(PostgresTestServer.migrations, on: pool) == [])
    }
  }

  @Test("Eight at once: each file is applied by just one of them")
  func concurrently() async throws {
    try await PostgresTestServer.withFreshPool(sessions: 8, migrated: false) { pool in
      let applied = try await withThrowingTaskGroup(of: [String].self) { group in
        for _ in 0..<8 {
          group.addTask { try await apply(PostgresTestServer.migrations, on: pool) }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
      let files = try Migrations.discover(directory: PostgresTestServer.migrations).map(\.file)
      #expect(applied.sorted() == files)
    }
  }

  @Test("All of them together make the schema that schema.sql shows")
  func schema() async throws {
    let migrated = try await PostgresTestServer.freshDatabase()
    let written = try await PostgresTestServer.freshDatabase(migrated: false)
    let path = PostgresTestServer.migrations + "/schema.sql"
    let script = try String(contentsOf: URL(filePath: path), encoding: .utf8)
    try await PostgresTestServer.withPool(dsn: written) { pool in
      try await pool.run { try $0.executeScript(script) }
    }
    let dump = try await dumpSchema(migrated)
    #expect(dump.contains("CREATE TABLE poolhub.miners"))
    #expect(try await dumpSchema(written) == dump)
  }

  @Test("Miners that were here before have their trust from 0008 on, as new ones have")
  func totals() async throws {
    let files = try Migrations.discover(directory: PostgresTestServer.migrations).map(\.file)
    let older = try files.prefix(7).map { name in
      (name, try String(contentsOf: file(name, in: PostgresTestServer.migrations), encoding: .utf8))
    }
    try await withFolder(Dictionary(uniqueKeysWithValues: older)) { folder in
      try await PostgresTestServer.withFreshPool(migrated: false) { pool in
        #expect(try await apply(folder, on: pool).count == 7)
        try await SampleMiners.register([SampleMiners.id("old")], in: pool)
        _ = try await apply(PostgresTestServer.migrations, on: pool)
        try await SampleMiners.register([SampleMiners.id("new")], in: pool, salt: 1)
        let rows = try await pool.run { connection in
          let result = try connection.execute(
            "SELECT miner_id, score, version FROM poolhub.trust_totals ORDER BY miner_id")
          return try result.rows.map {
            "\(try $0.text(0)) \(try $0.double(1)) \(try $0.int(2))"
          }
        }
        #expect(rows == ["new 0.5 0", "old 0.5 0"])
      }
    }
  }

  private func dumpSchema(_ dsn: String) async throws -> String {
    let output = "/tmp/pht-dump-" + String(UInt64.random(in: .min ... .max), radix: 36)
    defer { try? FileManager.default.removeItem(atPath: output) }
    let child = try await ChildProcess.start(
      executable: "pg_dump", arguments: ["--schema-only", dsn], output: .file(output))
    #expect(await child.waitForExit() == 0)
    let text = try String(contentsOf: URL(filePath: output), encoding: .utf8)
    // Newer versions write a random key around the dump.
    return text.split(separator: "\n").filter { !$0.hasPrefix("\\") }.joined(separator: "\n")
  }

  @Test(
    "A folder that isn't a whole sequence is refused by name",
    arguments: [
      (["0001_a.sql", "0003_c.sql"], MigrationError.gap(file: "0003_c.sql")),
      (["0002_b.sql"], .gap(file: "0002_b.sql")),
      (["0001_a.sql", "0001_b.sql"], .gap(file: "0001_b.sql")),
      (["0001_a.sql", "two.sql"], .badName(file: "two.sql")),
      (["001_a.sql"], .badName(file: "001_a.sql")),
      (["0001a.sql"], .badName(file: "0001a.sql")),
    ] as [([String], MigrationError)])
  func refused(files: [String], expected: MigrationError) async throws {
    let texts = Dictionary(uniqueKeysWithValues: files.map { ($0, "SELECT 1") })
    try await withFolder(texts) { folder in
      #expect(throws: expected) { try Migrations.discover(directory: folder) }
    }
  }

  @Test("A missing folder is an error that names it")
  func missing() {
    #expect(throws: MigrationError.unreadable(path: "/nonexistent")) {
      try Migrations.discover(directory: "/nonexistent")
    }
  }

  @Test("A file that was changed after it was applied is an error that names it")
  func changed() async throws {
    try await PostgresTestServer.withFreshPool(migrated: false) { pool in
      try await withFolder(["0001_a.sql": "CREATE TABLE a ()"]) { folder in
        #expect(try await apply(folder, on: pool) == ["0001_a.sql"])
        try Data("CREATE TABLE a (n int)".utf8).write(to: file("0001_a.sql", in: folder))
        await #expect(throws: MigrationError.changed(file: "0001_a.sql")) {
          try await apply(folder, on: pool)
        }
      }
    }
  }

  @Test(
    "A file that fails is rolled back whole; those before it stay, and mended it goes on from there"
  )
  func failing() async throws {
    try await PostgresTestServer.withFreshPool(migrated: false) { pool in
      let files = [
        "0001_a.sql": "CREATE TABLE a ()", "0002_b.sql": "CREATE TABLE b (); SELECT nope",
      ]
      try await withFolder(files) { folder in
        do {
          _ = try await apply(folder, on: pool)
          Issue.record("it was applied")
        } catch MigrationError.failed(let file, let error) {
          #expect(file == "0002_b.sql")
          #expect(error.sqlState == "42703")
        }
        try Data("CREATE TABLE b (); INSERT INTO b DEFAULT VALUES".utf8)
          .write(to: file("0002_b.sql", in: folder))
        #expect(try await apply(folder, on: pool) == ["0002_b.sql"])
        let count = try await pool.run { try $0.execute("SELECT count(*) FROM b").first?.int(0) }
        #expect(count == 1)
      }
    }
  }
}
