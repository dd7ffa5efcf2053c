import JSON

/// A kind of service that miners can offer, as the catalogue tells of it.
package struct ServiceType: Equatable, Sendable {
  package var name = ""
  package var title = ""
  package var details = ""
  /// The member of `pricing` that matches go by.
  package var priceField = "price_token_per_ksec"
  package var pricingFields: [PricingField] = []
  package var configFields: [ConfigField] = []
  /// Where a configuration names models: `config.models` …
  package var modelFields: [String] = []
  package var models: [Model] = []
  /// Ascending: a model of up to so many parameters needs so much memory.
  package var modelSizes: [ModelSize] = []
  package var template = ServiceSubject()
  package var rules: [ServiceRule] = []

  /// A price in the unit of its service; kept exactly as the miner wrote it.
  package struct PricingField: Equatable, Sendable {
    package var name: String
    package var title: String
    /// `tokens per image`
    package var unit: String
  }

  /// A known member of `config`. Others are kept and not looked at.
  package struct ConfigField: Equatable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
      case text, texts, number, integer, bool, any
    }

    package var name: String
    package var title: String
    package var kind: Kind
    package var range: ClosedRange<Double>?
  }

  package struct Model: Equatable, Sendable {
    package var name: String
    /// 10⁹ parameters.
    package var parametersB: Double?
    package var vramGB: Double
  }

  package struct ModelSize: Equatable, Sendable {
    package var parametersB: Double
    package var vramGB: Double
  }
}

/// What is configured of a service: the members of the request's body.
package struct ServiceSubject: Equatable, Sendable {
  package var enabled = false
  package var config = JSONObject()
  package var pricing = JSONObject()
  package var capabilities: [String] = []
  package var maxConcurrent = 1

  package init() {}

  /// What stands at `config.engine`, `max_concurrent` …; nil where there is nothing or null.
  func value(at path: String) -> JSONValue? {
    switch path {
    case "enabled": return .bool(enabled)
    case "max_concurrent": return .number(String(maxConcurrent))
    case "capabilities": return .array(capabilities.map { .string($0) })
    default: break
    }
    let parts = path.split(separator: ".").map(String.init)
    var value: JSONValue? =
      switch parts.first {
      case "config": .object(config)
      case "pricing": .object(pricing)
      default: nil
      }
    for part in parts.dropFirst() { value = value?[part] }
    return value?.isNull == true ? nil : value
  }
}

extension ServiceType {
  /// How much GPU memory a model takes; nil when nothing is known of it.
  ///
  /// A model that the catalogue doesn't list goes by its parameters, as its name says them (`llama-3-70b`,
  /// `mixtral-8x7b`).
  func memory(of model: String) -> (vramGB: Double, parametersB: Double?)? {
    let name = model.lowercased()
    if let known = models.first(where: { $0.name.lowercased() == name }) {
      return (known.vramGB, known.parametersB)
    }
    guard let last = modelSizes.last, let parameters = Self.parametersB(in: name) else {
      return nil
    }
    let size = modelSizes.first { parameters <= $0.parametersB }
    // Past the table's end memory grows as its last line says.
    let vram = size?.vramGB ?? (parameters * last.vramGB / last.parametersB).rounded(.up)
    return (vram, parameters)
  }

  /// The largest `70b`, `1.5b`, `8x7b` or `350m` that stands in a lower-case name as a word of its own,
  /// in 10⁹ parameters.
  static func parametersB(in name: String) -> Double? {
    name.split { !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".")) }
      .compactMap { word -> Double? in
        let scale = word.hasSuffix("b") ? 1.0 : word.hasSuffix("m") ? 0.001 : nil
        guard let scale else { return nil }
        var product = scale
        for factor in word.dropLast().split(separator: "x", omittingEmptySubsequences: false) {
          guard factor.first?.isNumber == true, factor.utf8.count <= 8,
            let number = Double(String(factor)), number > 0
          else { return nil }
          product *= number
        }
        return product
      }.max()
  }
}
