import Domain
import GatewayAPI
import JSON
import Postgres

/// What a miner sends of one of its services: all of it, or with PATCH just what it names.
package struct ServiceRequest: Equatable, Sendable {
  package var subject: ServiceSubject

  /// `POST /v1/services/{type}`: what is left out has its default.
  ///
  /// - Throws: `Problem` 422 with every fault.
  package init(_ object: JSONObject, of type: ServiceType) throws(Problem) {
    subject = try Body.read(object) { $0.service(of: type) }
  }

  /// `POST /v1/services/validate/{type}`: the same, or the bare `config`.
  package init(validating object: JSONObject, of type: ServiceType) throws(Problem) {
    let known = ["enabled", "config", "pricing", "capabilities", "max_concurrent"]
    let members = object.members.filter { $0.name != "session_token" }
    let isBare = !members.contains { known.contains($0.name) }
    try self.init(
      isBare ? JSONObject([("config", .object(JSONObject(members)))]) : object, of: type)
  }

  /// `PATCH /v1/services/{type}`, upon what is there: members of `config` and `pricing` that the body names
  /// are changed (null takes one away), all others stay.
  package init(
    patching held: ServiceConfiguration, with object: JSONObject, of type: ServiceType
  ) throws(Problem) {
    let current = try ServiceSubject(held)
    subject = try Body.read(object) { fields in
      var subject = current
      if let enabled = fields.bool("enabled") { subject.enabled = enabled }
      if let slots = fields.integer("max_concurrent", in: Limits.maxConcurrent) {
        subject.maxConcurrent = slots
      }
      if let capabilities = fields.names("capabilities") { subject.capabilities = capabilities }
      // The patch itself first, so that a fault is found where it was written.
      if let patch = fields.freeObject("config") {
        subject.config = FreeJSON.merged(current.config, with: patch)
        fields.checkConfig(subject.config, of: type)
      }
      if let patch = fields.freeObject("pricing") {
        subject.pricing = FreeJSON.merged(current.pricing, with: patch)
        fields.checkPricing(subject.pricing, of: type)
      }
      return subject
    }
  }

  /// As it is stored.
  package func configuration(of type: ServiceType) -> ServiceConfiguration {
    var configuration = ServiceConfiguration()
    configuration.enabled = subject.enabled
    configuration.config = FreeJSON.text(subject.config)
    configuration.pricing = FreeJSON.text(subject.pricing)
    configuration.capabilities = subject.capabilities
    configuration.maxConcurrent = subject.maxConcurrent
    var fields = FieldReader(subject.pricing)
    configuration.price = fields.price(type.priceField)
    return configuration
  }
}

extension ServiceSubject {
  /// - Throws: `Problem` when what is stored is no object, which nothing here writes.
  package init(_ held: ServiceConfiguration) throws(Problem) {
    enabled = held.enabled
    config = try Body.object(Array(held.config.utf8))
    pricing = try Body.object(Array(held.pricing.utf8))
    capabilities = held.capabilities
    maxConcurrent = held.maxConcurrent
  }
}

extension FieldReader {
  /// A whole service of this type.
  mutating func service(of type: ServiceType) -> ServiceSubject {
    var subject = ServiceSubject()
    subject.enabled = bool("enabled") ?? false
    subject.maxConcurrent = integer("max_concurrent", in: Limits.maxConcurrent) ?? 1
    subject.capabilities = names("capabilities") ?? []
    if let config = freeObject("config") {
      subject.config = config
      checkConfig(config, of: type)
    }
    if let pricing = freeObject("pricing") {
      subject.pricing = pricing
      checkPricing(pricing, of: type)
    }
    return subject
  }

  /// An object of anything, within limits; nil when it is absent or beyond them.
  mutating func freeObject(_ name: String) -> JSONObject? {
    guard let sent = object(name) else { return nil }
    return isFree(sent, name) ? FreeJSON.distinct(sent) : nil
  }

  private mutating func isFree(_ object: JSONObject, _ name: String) -> Bool {
    let faults = FreeJSON.faults(object, at: name)
    for fault in faults { fail(fault.field, fault.code, fault.detail) }
    return faults.isEmpty
  }

  mutating func checkConfig(_ config: JSONObject, of type: ServiceType) {
    // What was merged may be beyond the limits although neither part was.
    guard isFree(config, "config") else { return }
    var reader = FieldReader(config, prefix: "config.")
    for field in type.configFields {
      switch field.kind {
      case .text: _ = reader.text(field.name, bytes: FreeJSON.textBytes)
      case .texts:
        _ = reader.texts(
          field.name, count: 0...FreeJSON.itemLimit, bytes: 1...FreeJSON.textBytes.upperBound)
      case .bool: _ = reader.bool(field.name)
      case .number: _ = reader.number(field.name, in: field.range ?? -1e15...1e15)
      case .integer:
        let range = field.range ?? -1e15...1e15
        _ = reader.integer(field.name, in: Int(range.lowerBound)...Int(range.upperBound))
      case .any: break
      }
    }
    take(reader.errors)
  }

  mutating func checkPricing(_ pricing: JSONObject, of type: ServiceType) {
    guard isFree(pricing, "pricing") else { return }
    var reader = FieldReader(pricing, prefix: "pricing.")
    for field in type.pricingFields { _ = reader.price(field.name) }
    take(reader.errors)
  }

  /// Their fields are named from here.
  private mutating func take(_ errors: [FieldError]) {
    for error in errors { fail(error.field, error.code, error.detail) }
  }
}
