import Settings

/// What each process of a development fleet is started with. Decides only; starts nothing.
package struct ServicePlan: Equatable, Sendable {
  package struct Service: Equatable, Sendable {
    package var name: String
    package var executable: String
    package var arguments: [String]
    package var environment: [String: String]
  }

  /// What the processes find outside themselves.
  package struct Surroundings: Equatable, Sendable {
    /// The environment that `poolhub dev` itself was given.
    package var environment: [String: String]
    /// The folder of the executables.
    package var executables: String
    package var databaseDSN: String
    package var redisURL: String

    package init(
      environment: [String: String], executables: String, databaseDSN: String, redisURL: String
    ) {
      self.environment = environment
      self.executables = executables
      self.databaseDSN = databaseDSN
      self.redisURL = redisURL
    }
  }

  /// Few enough that a scan of all miners now and then slows nothing down.
  private static let auditShare = "0.01"

  package let options: DevOptions
  package let secrets: DevSecrets
  package let surroundings: Surroundings
  /// One a gateway.
  package let ports: [Int]
  package let scorerEndpoints: [String]

  package init(
    options: DevOptions, secrets: DevSecrets, surroundings: Surroundings, ports: [Int],
    scorerEndpoints: [String]
  ) {
    self.options = options
    self.secrets = secrets
    self.surroundings = surroundings
    self.ports = ports
    self.scorerEndpoints = scorerEndpoints
  }

  package var gatewayURLs: [String] { ports.map { "http://127.0.0.1:\($0)" } }

  package var gateways: [Service] {
    ports.indices.map { index in
      service(
        "gateway-\(index + 1)", "poolhub-gateway",
        [
          "POOLHUB_BIND": "127.0.0.1",
          "POOLHUB_PORT": String(ports[index]),
          "POOLHUB_GATEWAY_ID": "gateway-\(index + 1)",
          "POOLHUB_SCORER_BIND": scorerEndpoints[index],
        ].merging(Self.noLimits) { own, _ in own })
    }
  }

  /// Load that one machine makes by itself is no attack.
  private static let noLimits = Dictionary(
    uniqueKeysWithValues: LimitSettings.keys.map { ($0, "none") })

  package var scorers: [Service] {
    (1...max(1, options.scorers)).prefix(options.scorers).map { number in
      service(
        "scorer-\(number)", "poolhub-scorer",
        [
          "POOLHUB_SCORER_ID": "scorer-\(number)",
          "POOLHUB_GATEWAYS": (scorerEndpoints + options.otherGateways).joined(separator: ","),
          "POOLHUB_AUDIT_SHARE": surroundings.environment["POOLHUB_AUDIT_SHARE"]
            ?? Self.auditShare,
        ])
    }
  }

  /// The mock miners and coordinator; nil when none are wanted.
  package var simulation: Service? {
    guard let simulation = options.simulation else { return nil }
    var service = service("simulation", "poolhub", [:])
    service.arguments =
      ["simulate", "--miners", String(simulation.miners), "--seed", String(simulation.seed)]
      + ["--match-rate", String(simulation.matchRate)]
      + gatewayURLs.flatMap { ["--url", $0] }
    service.environment["POOLHUB_COORDINATOR_SECRET"] = coordinatorSecret
    return service
  }

  /// What `dev.json` says while no process runs.
  package var state: DevState {
    var state = DevState()
    state.gateways = gatewayURLs
    state.coordinatorSecret = coordinatorSecret
    state.adminSecret = effective("POOLHUB_ADMIN_SECRET")
    state.databaseDSN = effective("POOLHUB_DB_DSN")
    state.redisURL = effective("POOLHUB_REDIS_URL")
    state.scorerEndpoints = scorerEndpoints
    return state
  }

  /// The first secret that the gateways accept.
  private var coordinatorSecret: String {
    let first = effective("POOLHUB_COORDINATOR_SECRETS").split(separator: ",").first ?? ""
    guard let colon = first.firstIndex(of: ":") else { return String(first) }
    return String(first[first.index(after: colon)...])
  }

  private var common: [String: String] {
    [
      "POOLHUB_DB_DSN": surroundings.databaseDSN,
      "POOLHUB_REDIS_URL": surroundings.redisURL,
      "POOLHUB_COORDINATOR_SECRETS": "dev:\(secrets.coordinator)",
      "POOLHUB_ADMIN_SECRET": secrets.admin,
      "POOLHUB_SESSION_SIGNING_KEYS": "dev:\(secrets.sessionSigningKey)",
    ]
  }

  private func effective(_ key: String) -> String {
    options.settings.last { $0.key == key }?.value ?? common[key] ?? ""
  }

  private func service(
    _ name: String, _ executable: String, _ own: [String: String]
  ) -> Service {
    var environment = surroundings.environment
    // The key for a single secret would stand beside the list that is given here.
    environment["POOLHUB_COORDINATOR_SHARED_SECRET"] = nil
    environment.merge(common) { $1 }
    environment.merge(own) { $1 }
    for setting in options.settings { environment[setting.key] = setting.value }
    return Service(
      name: name, executable: "\(surroundings.executables)/\(executable)", arguments: [],
      environment: environment)
  }
}
