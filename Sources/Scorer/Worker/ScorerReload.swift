import Changes
import Domain
import Settings
import Supervision
import Synchronization
import Telemetry
import Trust

/// What a scorer takes in while it runs: how it ranks, where its stores are, and the log's level.
final class ScorerReload: Sendable {
  static let reloadable: Set<String> = [
    "POOLHUB_DEFAULT_WEIGHTS", "POOLHUB_MIN_TRUST", "POOLHUB_EXPLORATION_SHARE",
    "POOLHUB_LOG_LEVEL", "POOLHUB_DB_DSN", "POOLHUB_REDIS_URL",
  ]

  private let inbox: IndexInbox
  private let stores: StoreAddresses
  private let files: [String]
  private let latest: Mutex<SettingsReader>

  /// - Parameters:
  ///   - files: of settings.
  ///   - reader: what the scorer started with.
  init(inbox: IndexInbox, stores: StoreAddresses, files: [String], reader: SettingsReader) {
    self.inbox = inbox
    self.stores = stores
    self.files = files
    latest = Mutex(reader)
  }

  /// - Throws: what is wrong with the new settings; the former ones stay in force, all of them.
  func run() async throws -> ReloadOutcome {
    let reader = try await SettingsReader.live(files: files)
    let settings = try ScorerConfiguration(reader).settings
    let changes = reader.changes(since: latest.withLock { $0 })
    try await stores.check(settings.common, changes)
    stores.replace(settings.common)
    inbox.post(.ranking(settings.weights, settings.newcomers))
    LogThreshold.level = settings.common.logLevel
    latest.withLock { $0 = reader }
    return ReloadOutcome(changed: changes, reloadable: Self.reloadable)
  }
}

extension ScorerSettings {
  var newcomers: NewcomerPolicy {
    NewcomerPolicy(minTrust: minTrust, share: explorationShare)
  }
}
