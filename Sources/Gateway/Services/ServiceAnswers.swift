import Domain
import GatewayAPI
import JSON
import Postgres

/// What the services' paths answer.
package enum ServiceAnswer {
  /// - Parameter service: nil: never set, so the defaults are shown.
  package static func one(_ type: String, _ service: StoredService?) -> [UInt8] {
    var json = JSONWriter()
    write(type, service, to: &json)
    return json.bytes
  }

  package static func list(_ services: [StoredService]) -> [UInt8] {
    var json = JSONWriter()
    json.array { json in for service in services { write(service.type, service, to: &json) } }
    return json.bytes
  }

  package static func deleted(_ type: String) -> [UInt8] {
    var json = JSONWriter(capacity: 128)
    json.object { json in
      json.field("message", "the configuration of \(type) is gone")
      json.field("service_type", type)
    }
    return json.bytes
  }

  package static func write(
    _ type: String, _ service: StoredService?, to json: inout JSONWriter
  ) {
    let configuration = service?.configuration ?? ServiceConfiguration()
    json.object { json in
      json.field("service_type", type)
      json.field("enabled", configuration.enabled)
      json.field("config", json: configuration.config)
      json.field("pricing", json: configuration.pricing)
      json.field("capabilities", configuration.capabilities)
      json.field("max_concurrent", configuration.maxConcurrent)
      json.field("created_at", service?.createdAt.rfc3339)
      json.field("updated_at", service?.updatedAt.rfc3339)
      json.field("version", service?.version ?? 0)
    }
  }

  // MARK: Templates

  /// The template as it can be sent, and what is known of its type.
  package static func template(_ type: ServiceType) -> [UInt8] {
    var json = JSONWriter(capacity: 2_048)
    write(type, to: &json)
    return json.bytes
  }

  package static func templates(_ types: [ServiceType]) -> [UInt8] {
    var json = JSONWriter(capacity: 16_384)
    json.array { json in for type in types { write(type, to: &json) } }
    return json.bytes
  }

  private static func write(_ type: ServiceType, to json: inout JSONWriter) {
    json.object { json in
      json.field("service_type", type.name)
      json.field("title", type.title)
      json.field("description", type.details)
      json.field("enabled", type.template.enabled)
      json.field("config", value: .object(type.template.config))
      json.field("pricing", value: .object(type.template.pricing))
      json.field("capabilities", type.template.capabilities)
      json.field("max_concurrent", type.template.maxConcurrent)
      json.field("price_field", type.priceField)
      writeFields(of: type, to: &json)
    }
  }

  private static func writeFields(of type: ServiceType, to json: inout JSONWriter) {
    json.arrayField("pricing_fields") { json in
      for field in type.pricingFields {
        json.object { json in
          json.field("name", field.name)
          json.field("title", field.title)
          json.field("unit", field.unit)
        }
      }
    }
    json.arrayField("config_fields") { json in
      for field in type.configFields {
        json.object { json in
          json.field("name", field.name)
          json.field("title", field.title)
          json.field("kind", field.kind.rawValue)
          json.field("min", field.range?.lowerBound)
          json.field("max", field.range?.upperBound)
        }
      }
    }
    json.arrayField("models") { json in
      for model in type.models {
        json.object { json in
          json.field("name", model.name)
          json.field("parameters_b", model.parametersB)
          json.field("vram_gb", model.vramGB)
        }
      }
    }
  }

  // MARK: Validation

  package static func validation(_ type: String, _ validation: ServiceValidation) -> [UInt8] {
    var json = JSONWriter(capacity: 1_024)
    json.object { json in
      json.field("service_type", type)
      json.field("valid", validation.isValid)
      json.field("errors", validation.messages(of: .error))
      json.field("warnings", validation.messages(of: .warning))
      json.field("score", validation.score)
      json.arrayField("missing_requirements") { json in
        for requirement in validation.missing { write(requirement, to: &json) }
      }
      json.objectField("performance_impact") { json in
        json.field("level", validation.impact.rawValue)
        json.field("bottleneck", validation.bottleneck)
        json.field("coverage", validation.coverage.map { ($0 * 1_000).rounded() / 1_000 })
      }
      json.arrayField("findings") { json in
        for finding in validation.findings {
          json.object { json in
            json.field("level", finding.level.rawValue)
            json.field("field", finding.field)
            json.field("message", finding.message)
          }
        }
      }
    }
    return json.bytes
  }

  private static func write(
    _ requirement: ServiceValidation.Requirement, to json: inout JSONWriter
  ) {
    json.object { json in
      json.field("component", requirement.component)
      json.field("have", value: requirement.have)
      json.field("need", value: requirement.need)
      json.field("unit", requirement.unit)
      json.field("level", requirement.level.rawValue)
    }
  }
}

extension ServiceValidation {
  fileprivate func messages(of level: ServiceRule.Level) -> [String] {
    findings.filter { $0.level == level }.map(\.message)
  }
}

/// A service's version as HTTP says it.
package enum ServiceTag {
  /// - Parameter version: nil: never set.
  package static func text(_ version: Int64?) -> String { "\"\(version ?? 0)\"" }

  /// Whether a write that bears this `If-Match` may go on (RFC 9110, 13.1.1). `*` asks that there be
  /// something; weak tags fit nothing.
  ///
  /// - Parameter header: nil: it bears none.
  package static func fits(_ header: String?, _ version: Int64?) -> Bool {
    guard let header else { return true }
    let own = text(version)
    return header.split(separator: ",").contains { part in
      let tag = part.drop { $0 == " " || $0 == "\t" }
      let end = tag.lastIndex { $0 != " " && $0 != "\t" }
      guard let end else { return false }
      return tag[...end] == own || (tag[...end] == "*" && version != nil)
    }
  }
}
