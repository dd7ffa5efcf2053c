import Domain

/// What a miner says of one of its services, as far as it may change it.
package struct ServiceConfiguration: Equatable, Sendable {
  package var enabled = false
  /// A JSON object, as the miner wrote it.
  package var config = "{}"
  /// A JSON object, as the miner wrote it.
  package var pricing = "{}"
  /// What matches go by, out of `pricing`; nil: the miner's own price.
  package var price: Price?
  package var capabilities: [String] = []
  package var maxConcurrent = 1

  package init() {}
}

/// A service's configuration as it rests in PostgreSQL.
package struct StoredService: Equatable, Sendable {
  package var type: String
  /// The miner's version with the last change of this service: no two states of it bear the same.
  package var version: Int64
  package var configuration: ServiceConfiguration
  package var createdAt: Timestamp
  package var updatedAt: Timestamp

  package init(
    type: String, version: Int64, configuration: ServiceConfiguration, createdAt: Timestamp,
    updatedAt: Timestamp
  ) {
    self.type = type
    self.version = version
    self.configuration = configuration
    self.createdAt = createdAt
    self.updatedAt = updatedAt
  }
}

/// A change of a service that is committed and on its way to the change stream.
package struct StoredServiceChange: Equatable, Sendable {
  /// nil: it was taken away.
  package var service: StoredService?
  package var change: StoredChange
}

extension StoredService {
  /// What `init(_:)` reads, in its order.
  static let columns = """
    service_type, version, enabled, config::text, pricing::text, price_units, capabilities,
    max_concurrent, created_at, updated_at
    """

  init(_ row: PostgresRow) throws(PostgresError) {
    type = try row.text(0)
    version = try row.int(1)
    configuration = ServiceConfiguration()
    configuration.enabled = try row.bool(2)
    configuration.config = try row.text(3)
    configuration.pricing = try row.text(4)
    configuration.price = try row.optionalInt(5).map { Price(units: $0) }
    configuration.capabilities = try row.texts(6)
    configuration.maxConcurrent = Int(try row.int(7))
    createdAt = try row.timestamp(8)
    updatedAt = try row.timestamp(9)
  }
}

extension EnabledService {
  /// All switched-on services of the miner `m`, as one list of texts: of each its type, price, slots, the
  /// number of its capabilities, and these. Arrays of arrays of several lengths are not to be had.
  static let join = """
    LEFT JOIN LATERAL (
      SELECT array_agg(word ORDER BY service_type, place) AS words
      FROM poolhub.service_configs c, unnest(
        ARRAY[service_type, coalesce(price_units::text, ''), max_concurrent::text,
          cardinality(capabilities)::text] || capabilities) WITH ORDINALITY u (word, place)
      WHERE c.miner_id = m.miner_id AND enabled) s ON true

    """

  /// - Parameter words: as `join` gives them.
  static func list(_ words: [String]) throws(PostgresError) -> [EnabledService] {
    var services: [EnabledService] = []
    var rest = words[...]
    while !rest.isEmpty {
      let head = Array(rest.prefix(4))
      rest = rest.dropFirst(4)
      guard head.count == 4, let slots = Int(head[2]), let count = Int(head[3]),
        (0...rest.count).contains(count)
      else { throw PostgresError(.unexpectedResult, "a list of services that is none") }
      services.append(
        EnabledService(
          type: head[0], price: Int64(head[1]).map { Price(units: $0) }, maxConcurrent: slots,
          capabilities: Array(rest.prefix(count))))
      rest = rest.dropFirst(count)
    }
    return services
  }
}
