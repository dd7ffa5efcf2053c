import Fleet
import Simulation

extension DevHub.Hooks {
  /// Migrations from this project's folder, readiness by the gateways' own health.
  static func standard(say: @escaping @Sendable (String) -> Void) -> DevHub.Hooks {
    DevHub.Hooks(
      migrate: { dsn in
        let applied = try await MigrateCommand.migrate(
          dsn: dsn, directory: try MigrationsFolder.find())
        for file in applied { say("applied \(file)") }
      },
      isReady: { url, scorers in
        let client = HubClient(url: url, timeout: .seconds(2))
        guard let health = try? await client.health(), health.status == 200 else { return false }
        return health.json?["status"]?.string == "ok"
          && health.json?["scorers"]?.int ?? 0 >= scorers
      },
      say: say)
  }
}
