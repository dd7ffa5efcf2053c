import ArgumentParser
import FoundationEssentials
import Postgres

struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate", abstract: "Brings a database's schema up to date.")

  @Option(help: "A libpq connection string or URI. (default: POOLHUB_DB_DSN)")
  var dsn: String?

  @Option(help: "The folder of the SQL files. (default: the nearest folder named migrations)")
  var directory: String?

  func run() async throws {
    guard let dsn = dsn ?? ProcessInfo.processInfo.environment["POOLHUB_DB_DSN"], !dsn.isEmpty
    else {
      throw CommandError("no database: give --dsn or set POOLHUB_DB_DSN")
    }
    let applied = try await Self.migrate(
      dsn: dsn, directory: try directory ?? MigrationsFolder.find())
    for file in applied { print("applied \(file)") }
    if applied.isEmpty { print("the schema is up to date") }
  }

  /// - Returns: the files that were applied.
  static func migrate(dsn: String, directory: String) async throws -> [String] {
    var configuration = PostgresPool.Configuration(dsn: dsn)
    configuration.sessionCount = 1
    let pool = PostgresPool(configuration)
    do {
      let applied = try await pool.run { try Migrations.apply(directory: directory, on: &$0) }
      await pool.close()
      return applied
    } catch {
      await pool.close()
      throw error
    }
  }
}
