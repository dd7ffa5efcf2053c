import Domain
import GatewayAPI
import JSON

/// Reading one type's entry of the catalogue; whatever is wrong in it is a fault with its place.
extension FieldReader {
  private static let entryCount = 0...1_000
  private static let parametersB = 0.000_001...1_000_000.0

  mutating func type(_ name: String, _ vendors: [String: GPUVendor]) -> ServiceType {
    allowOnly([
      "title", "description", "price_field", "pricing_fields", "config_fields", "model_fields",
      "models", "model_sizes", "template", "rules",
    ])
    var type = ServiceType()
    type.name = name
    type.title = requiredText("title", bytes: 1...Limits.nameBytes) ?? ""
    type.details = text("description", bytes: 0...1_024) ?? ""
    type.priceField = text("price_field", bytes: 1...Limits.nameBytes) ?? type.priceField
    type.pricingFields =
      objects("pricing_fields", count: Self.entryCount) { $0.pricingField() } ?? []
    if !type.pricingFields.contains(where: { $0.name == type.priceField }) {
      fail("pricing_fields", "value", "pricing_fields must list \(type.priceField)")
    }
    type.configFields = objects("config_fields", count: Self.entryCount) { $0.configField() } ?? []
    type.modelFields = names("model_fields") ?? []
    checkPaths(type.modelFields, "model_fields")
    type.models = objects("models", count: Self.entryCount) { $0.model() } ?? []
    type.modelSizes = objects("model_sizes", count: Self.entryCount) { $0.modelSize() } ?? []
    if zip(type.modelSizes, type.modelSizes.dropFirst()).contains(where: {
      $0.parametersB >= $1.parametersB
    }) {
      fail("model_sizes", "value", "model_sizes must ascend by parameters_b")
    }
    type.rules = rules("rules", vendors)
    if !has("template") { fail("template", "required", "template is required") }
    let entry = type
    if let template = nested("template", { $0.template(for: entry) }) { type.template = template }
    return type
  }

  private mutating func pricingField() -> ServiceType.PricingField {
    allowOnly(["name", "title", "unit"])
    return ServiceType.PricingField(
      name: requiredText("name", bytes: 1...Limits.nameBytes) ?? "",
      title: requiredText("title", bytes: 1...Limits.nameBytes) ?? "",
      unit: requiredText("unit", bytes: 1...Limits.nameBytes) ?? "")
  }

  private mutating func configField() -> ServiceType.ConfigField {
    allowOnly(["name", "title", "kind", "min", "max"])
    if !has("kind") { fail("kind", "required", "kind is required") }
    let low = number("min", in: -1e15...1e15)
    let high = number("max", in: -1e15...1e15)
    if let low, let high, low > high { fail("max", "range", "max must not be below min") }
    let kind = choice("kind", of: ServiceType.ConfigField.Kind.self) ?? .any
    let isNumeric = kind == .number || kind == .integer
    if !isNumeric && (low != nil || high != nil) {
      fail("min", "value", "only numbers have min and max")
    }
    let bounds = (low ?? -1e15, high ?? 1e15)
    return ServiceType.ConfigField(
      name: requiredText("name", bytes: 1...Limits.nameBytes) ?? "",
      title: requiredText("title", bytes: 1...Limits.nameBytes) ?? "", kind: kind,
      range: isNumeric && bounds.0 <= bounds.1 ? bounds.0...bounds.1 : nil)
  }

  private mutating func model() -> ServiceType.Model {
    allowOnly(["name", "parameters_b", "vram_gb"])
    return ServiceType.Model(
      name: requiredText("name", bytes: 1...Limits.nameBytes) ?? "",
      parametersB: number("parameters_b", in: Self.parametersB),
      vramGB: requiredGigabytes("vram_gb"))
  }

  private mutating func modelSize() -> ServiceType.ModelSize {
    allowOnly(["parameters_b", "vram_gb"])
    if !has("parameters_b") { fail("parameters_b", "required", "parameters_b is required") }
    return ServiceType.ModelSize(
      parametersB: number("parameters_b", in: Self.parametersB) ?? 1,
      vramGB: requiredGigabytes("vram_gb"))
  }

  private mutating func requiredGigabytes(_ name: String) -> Double {
    if !has(name) { fail(name, "required", "\(name) is required") }
    return number(name, in: Limits.gigabytes) ?? 0
  }

  /// A template has to be what a miner could send.
  private mutating func template(for type: ServiceType) -> ServiceSubject {
    allowOnly(["enabled", "config", "pricing", "capabilities", "max_concurrent"])
    return service(of: type)
  }

  // MARK: Rules

  mutating func rules(_ name: String, _ vendors: [String: GPUVendor]) -> [ServiceRule] {
    (objects(name, count: Self.entryCount) { $0.rule(vendors) } ?? []).compactMap { $0 }
  }

  private mutating func rule(_ vendors: [String: GPUVendor]) -> ServiceRule? {
    allowOnly(["level", "message", "field", "when", "need"])
    for name in ["level", "need"] where !has(name) { fail(name, "required", "\(name) is required") }
    let level = choice("level", of: ServiceRule.Level.self)
    let message = requiredText("message", bytes: 1...1_024)
    let field = text("field", bytes: 1...Limits.nameBytes)
    if let field { checkPaths([field], "field") }
    let when = objects("when", count: Self.entryCount) { $0.condition() } ?? []
    let need = nested("need") { $0.need(vendors) } ?? nil
    guard let level, let message, let need else { return nil }
    return ServiceRule(
      level: level, message: message, field: field, when: when.compactMap { $0 }, need: need)
  }

  private mutating func condition() -> ServiceRule.Condition? {
    allowOnly(["fields", "at_least", "side_at_least", "contains", "set"])
    if !has("fields") { fail("fields", "required", "fields is required") }
    let fields = names("fields") ?? []
    checkPaths(fields, "fields")
    var tests: [ServiceRule.Condition.Test] = []
    if let bound = number("at_least", in: -1e15...1e15) { tests.append(.atLeast(bound)) }
    if let bound = number("side_at_least", in: 0...1e9) { tests.append(.sideAtLeast(bound)) }
    if let parts = names("contains") { tests.append(.contains(parts.map { $0.lowercased() })) }
    if bool("set") == true { tests.append(.isSet) }
    guard tests.count == 1 else {
      fail("", "value", "a condition has one of at_least, side_at_least, contains and set")
      return nil
    }
    return ServiceRule.Condition(fields: fields, test: tests[0])
  }

  private mutating func need(_ vendors: [String: GPUVendor]) -> ServiceRule.Need? {
    allowOnly(["component", "at_least", "at_least_field", "is"])
    let component = requiredText("component", bytes: 1...Limits.nameBytes) ?? ""
    switch component {
    case "": return nil
    case "gpu": return .gpu
    case "gpu_vendor":
      let name = requiredText("is", bytes: 1...Limits.nameBytes) ?? ""
      if let vendor = vendors[name] { return .vendor(vendor) }
      if !name.isEmpty { fail("is", "value", "\(name) is none of the vendors") }
      return nil
    default: break
    }
    guard let amount = Hardware.Amount(rawValue: component) else {
      let known = Hardware.Amount.allCases.map(\.rawValue) + ["gpu", "gpu_vendor"]
      fail("component", "value", "component must be one of \(known.joined(separator: ", "))")
      return nil
    }
    if let field = text("at_least_field", bytes: 1...Limits.nameBytes) {
      checkPaths([field], "at_least_field")
      return .amount(amount, .field(field))
    }
    if !has("at_least") { fail("at_least", "required", "at_least or at_least_field is required") }
    return number("at_least", in: 0...1e9).map { .amount(amount, .number($0)) }
  }

  private mutating func checkPaths(_ paths: [String], _ name: String) {
    for path in paths {
      let isKnown =
        ["enabled", "max_concurrent", "capabilities"].contains(path)
        || ["config.", "pricing."].contains { path.hasPrefix($0) && path.count > $0.count }
      if !isKnown {
        fail(name, "value", "\(path) must be max_concurrent, config.NAME or pricing.NAME")
      }
    }
  }
}
