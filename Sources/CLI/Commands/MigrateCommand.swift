import ArgumentParser
import Postgres
import Settings

struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate", abstract: "Brings a database's schema up to date.")

  @Option(help: "A libpq connection string or URI. (default: POOLHUB_DB_DSN, as the hub reads it)")
  var dsn: String?

  @Option(help: "The folder of the SQL files. (default: the nearest folder named migrations)")
  var directory: String?

  @Flag(help: "Wait for a server that can't be reached yet.")
  var wait = false

  private static let retryInterval = Duration.seconds(1)

  func run() async throws {
    let configured = try await SettingsReader.live().text("POOLHUB_DB_DSN", isSecret: true)
    guard let dsn = dsn ?? configured, !dsn.isEmpty else {
      throw CommandError("no database: give --dsn or set POOLHUB_DB_DSN")
    }
    let applied = try await migrate(dsn: dsn, directory: directory ?? MigrationsFolder.find())
    for file in applied { print("applied \(file)") }
    if applied.isEmpty { print("the schema is up to date") }
  }

  private func migrate(dsn: String, directory: String) async throws -> [String] {
    var said: String?
    while true {
      do {
        return try await Self.migrate(dsn: dsn, directory: directory)
      } catch let error as PostgresError where wait && error.isUnavailable {
        if said != error.message { Console.error("waiting for the database: \(error)") }
        said = error.message
        try await Task.sleep(for: Self.retryInterval)
      }
    }
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
