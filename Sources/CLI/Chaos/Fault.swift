/// What is done to a fleet: one kind of fault at a time, each to a process or a link of its own.
package enum Fault: String, CaseIterable, Sendable {
  case scorerKilled = "scorer_killed"
  case scorerStopped = "scorer_stopped"
  case scorerRestarted = "scorer_restarted"
  /// All of them but one at once.
  case scorersKilled = "scorers_killed"
  case scorerCutFromGateway = "scorer_cut_from_gateway"
  case scorerCutFromRedis = "scorer_cut_from_redis"
  case scorerCutFromPostgres = "scorer_cut_from_postgres"
  case gatewayKilled = "gateway_killed"
  case gatewayStopped = "gateway_stopped"
  case gatewayRestarted = "gateway_restarted"
  case gatewayCutFromRedis = "gateway_cut_from_redis"
  case gatewayCutFromPostgres = "gateway_cut_from_postgres"
  case redisKilled = "redis_killed"
  case redisStopped = "redis_stopped"
  case redisRestarted = "redis_restarted"
  /// It forgets all that it held.
  case redisEmptied = "redis_emptied"
  case postgresKilled = "postgres_killed"
  case postgresStopped = "postgres_stopped"
  case postgresRestarted = "postgres_restarted"

  /// Whose turn it is with this fault.
  package enum Victim: CaseIterable, Sendable { case scorer, gateway, redis, postgres }

  package var victim: Victim {
    switch self {
    case .scorerKilled, .scorerStopped, .scorerRestarted, .scorersKilled, .scorerCutFromGateway,
      .scorerCutFromRedis, .scorerCutFromPostgres:
      .scorer
    case .gatewayKilled, .gatewayStopped, .gatewayRestarted, .gatewayCutFromRedis,
      .gatewayCutFromPostgres:
      .gateway
    case .redisKilled, .redisStopped, .redisRestarted, .redisEmptied: .redis
    case .postgresKilled, .postgresStopped, .postgresRestarted: .postgres
    }
  }

  /// A scorer's process ends without a word.
  package var killsScorers: Bool { self == .scorerKilled || self == .scorersKilled }

  /// A store's process ends and is started again.
  package var restartsStore: Bool {
    switch self {
    case .redisKilled, .redisRestarted, .postgresKilled, .postgresRestarted: true
    default: false
    }
  }

  /// Some scorer can't follow the change stream meanwhile, so its lease clock may stand still.
  package var holdsStreamUp: Bool { victim == .redis || self == .scorerCutFromRedis }
}
