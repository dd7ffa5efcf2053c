import FoundationEssentials

/// Why the schema can't be brought up to date. Each case names the file to look at.
package enum MigrationError: Error, Equatable, CustomStringConvertible {
  case unreadable(path: String)
  /// Not `NNNN_name.sql`.
  case badName(file: String)
  /// Two files of one number, or a number left out before this file.
  case gap(file: String)
  /// The file was applied once and was changed since.
  case changed(file: String)
  /// This file failed, and was rolled back.
  case failed(file: String, PostgresError)

  package var description: String {
    switch self {
    case .unreadable(let path): "\(path) can't be read"
    case .badName(let file): "\(file) is not named like 0001_name.sql"
    case .gap(let file): "\(file) doesn't have the number that follows the one before it"
    case .changed(let file): "\(file) was changed after it was applied"
    case .failed(let file, let error): "\(file) failed: \(error)"
    }
  }
}

/// One numbered step of the schema.
package struct Migration: Equatable, Sendable {
  package let number: Int
  /// The file's name.
  package let file: String
  package let sql: String
}

/// Brings the schema `poolhub` up to date from plain SQL files, each applied once, in order, in a
/// transaction.
package enum Migrations {
  /// Any number that nobody else locks; whoever migrates holds it.
  private static let lockKey: Int64 = 0x706f_6f6c_6875_62

  /// The `NNNN_name.sql` files of a folder in order, 1 first; `schema.sql` is none of them.
  package static func discover(directory: String) throws(MigrationError) -> [Migration] {
    guard let files = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
      throw .unreadable(path: directory)
    }
    var migrations: [Migration] = []
    for file in files.sorted() where file.hasSuffix(".sql") && file != "schema.sql" {
      let digits = file.prefix { $0.isASCII && $0.isNumber }
      guard digits.count == 4, let number = Int(digits), file.dropFirst(4).hasPrefix("_") else {
        throw .badName(file: file)
      }
      guard number == migrations.count + 1 else { throw .gap(file: file) }
      guard let data = FileManager.default.contents(atPath: directory + "/" + file) else {
        throw .unreadable(path: directory + "/" + file)
      }
      let sql = String(decoding: data, as: UTF8.self)
      migrations.append(Migration(number: number, file: file, sql: sql))
    }
    return migrations
  }

  /// Applies what is missing. Any number of callers may do so at once: one works, the others wait.
  ///
  /// A database that has more migrations than the folder is newer than we are, and left as it is.
  ///
  /// - Returns: the names of the files applied.
  /// - Throws: `MigrationError`, or `PostgresError` when the database is out of reach.
  package static func apply(
    directory: String, on connection: inout PostgresConnection
  ) throws -> [String] {
    let migrations = try discover(directory: directory)
    // Rebuilding a large table, or waiting for another migrator, takes as long as it takes.
    let timeout = connection.statementTimeout
    try connection.setStatementTimeout(nil)
    try connection.execute("SELECT pg_advisory_lock($1)", [.int(lockKey)])
    let applied = Result { try applyLocked(migrations, on: &connection) }
    if !connection.isLost {
      try connection.execute("SELECT pg_advisory_unlock($1)", [.int(lockKey)])
      try connection.setStatementTimeout(timeout)
    }
    return try applied.get()
  }

  private static func applyLocked(
    _ migrations: [Migration], on connection: inout PostgresConnection
  ) throws -> [String] {
    try connection.executeScript(
      """
      CREATE SCHEMA IF NOT EXISTS poolhub;
      CREATE TABLE IF NOT EXISTS poolhub.schema_migrations (
        number integer PRIMARY KEY,
        name text NOT NULL,
        sha256 text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      """)
    var applied: [String] = []
    for migration in migrations {
      if try wasApplied(migration, on: &connection) { continue }
      do {
        try connection.inTransaction { try apply(migration, on: &$0) }
      } catch let error as PostgresError {
        throw MigrationError.failed(file: migration.file, error)
      }
      applied.append(migration.file)
    }
    return applied
  }

  private static func wasApplied(
    _ migration: Migration, on connection: inout PostgresConnection
  ) throws -> Bool {
    let found = try connection.execute(
      """
      SELECT name = $2 AND sha256 = encode(sha256($3), 'hex')
      FROM poolhub.schema_migrations WHERE number = $1
      """, parameters(migration)
    ).first
    guard let found else { return false }
    if try found.bool(0) { return true }
    throw MigrationError.changed(file: migration.file)
  }

  private static func apply(
    _ migration: Migration, on connection: inout PostgresConnection
  ) throws {
    try connection.executeScript(migration.sql)
    try connection.execute(
      """
      INSERT INTO poolhub.schema_migrations (number, name, sha256)
      VALUES ($1, $2, encode(sha256($3), 'hex'))
      """, parameters(migration))
  }

  private static func parameters(_ migration: Migration) -> [PostgresValue] {
    [.int(Int64(migration.number)), .text(migration.file), .bytes(Array(migration.sql.utf8))]
  }
}
