import Changes
import GatewayPolicy
import Settings
import Supervision
import Synchronization
import Telemetry

/// What a gateway takes in while it runs: secrets, where its stores are, who may come from where, the log's
/// level, certificates.
final class GatewayReload: Sendable {
  static let reloadable: Set<String> = [
    "POOLHUB_COORDINATOR_SECRETS", "POOLHUB_COORDINATOR_SHARED_SECRET", "POOLHUB_ADMIN_SECRET",
    "POOLHUB_SESSION_SIGNING_KEYS", "POOLHUB_OFFER_KEYS", "POOLHUB_COORDINATOR_ALLOW",
    "POOLHUB_OPERATOR_ALLOW", "POOLHUB_METRICS_ALLOW", "POOLHUB_TRUSTED_PROXIES",
    "POOLHUB_FORWARDED_HEADER", "POOLHUB_LOG_LEVEL", "POOLHUB_DB_DSN", "POOLHUB_REDIS_URL",
  ]

  private let gateway: Gateway
  private let tls: TLSReloader?
  private let stores: StoreAddresses
  private let files: [String]
  private let latest: Mutex<SettingsReader>

  /// - Parameters:
  ///   - files: of settings.
  ///   - reader: what the gateway started with.
  init(
    gateway: Gateway, tls: TLSReloader?, stores: StoreAddresses, files: [String],
    reader: SettingsReader
  ) {
    self.gateway = gateway
    self.tls = tls
    self.stores = stores
    self.files = files
    latest = Mutex(reader)
  }

  /// - Throws: what is wrong with the new settings; the former ones stay in force, all of them.
  func run() async throws -> ReloadOutcome {
    do {
      let outcome = try await takeNew()
      gateway.registry.counter(.reloads, [("outcome", "ok")]).increment()
      return outcome
    } catch {
      gateway.registry.counter(.reloads, [("outcome", "failed")]).increment()
      throw error
    }
  }

  private func takeNew() async throws -> ReloadOutcome {
    let reader = try await SettingsReader.live(files: files)
    let settings = try GatewayConfiguration.settings(reader)
    let changes = reader.changes(since: latest.withLock { $0 })
    try await stores.check(settings.common, changes)
    // The last thing that can go wrong.
    try tls?.reload()
    stores.replace(settings.common)
    var lasting = gateway.settings
    lasting.adminSecret = settings.adminSecret
    lasting.signingKeys = settings.signingKeys
    lasting.offerKeys = settings.offerKeys
    gateway.secrets.replace(lasting.secrets)
    gateway.callers.coordinators.replace(configured: settings.coordinatorTable)
    gateway.addresses.replace(gateway.settings.access.taking(settings.access))
    LogThreshold.level = settings.common.logLevel
    latest.withLock { $0 = reader }
    return ReloadOutcome(changed: changes, reloadable: Self.reloadable)
  }
}

extension GatewaySettings {
  var coordinatorTable: SecretTable { SecretTable(coordinators.map { ($0.name, $0.secret) }) }

  var secrets: GatewaySecrets.Content {
    GatewaySecrets.Content(
      administrator: SecretTable([("operator", adminSecret)]),
      tokens: SessionTokens(
        keys: signingKeys.map { ($0.id, $0.secret) }, lifetimeSeconds: sessionSeconds),
      offers: Offers(
        secrets: offerKeys.map { ($0.id, $0.secret) }, lifetimeSeconds: offerSeconds))
  }
}

extension AccessSettings {
  /// These, with the other's lists; how a connection begins stays as it was.
  fileprivate func taking(_ other: AccessSettings) -> AccessSettings {
    var taken = other
    taken.hasProxyProtocol = hasProxyProtocol
    return taken
  }
}
