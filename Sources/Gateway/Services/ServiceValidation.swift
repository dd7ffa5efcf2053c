import Domain
import JSON

/// What a miner's hardware makes of a configuration: pure, by its type's table of rules.
package struct ServiceValidation: Equatable, Sendable {
  /// One thing that is wrong, and what to show it beside.
  package struct Finding: Equatable, Sendable {
    package var level: ServiceRule.Level
    package var field: String?
    package var message: String
  }

  package struct Requirement: Equatable, Sendable {
    package var component: String
    package var have: JSONValue
    package var need: JSONValue
    package var unit: String
    package var level: ServiceRule.Level
  }

  package enum Impact: String, Sendable { case none, low, medium, high }

  package private(set) var findings: [Finding] = []
  /// Of each component the greatest need.
  package private(set) var missing: [Requirement] = []
  /// The scarcest component of all that count, also where it suffices; nil: none counts.
  package private(set) var bottleneck: String?
  /// How much of its need the bottleneck covers: above 1 where it suffices.
  package private(set) var coverage: Double?

  private static let errorCost = 40
  private static let warningCost = 10
  /// What has an error never looks better than this.
  private static let bestWithError = 49

  package var isValid: Bool { count(of: .error) == 0 }

  /// 100 where nothing is missing; each error costs 40, each warning 10.
  package var score: Int {
    let errors = count(of: .error)
    let score = 100 - errors * Self.errorCost - count(of: .warning) * Self.warningCost
    return max(0, errors > 0 ? min(score, Self.bestWithError) : score)
  }

  package var impact: Impact {
    switch coverage {
    case nil: .none
    case let coverage? where coverage >= 1: .none
    case let coverage? where coverage >= 0.75: .low
    case let coverage? where coverage >= 0.5: .medium
    default: .high
    }
  }

  package init(_ subject: ServiceSubject, of type: ServiceType, on hardware: Hardware) {
    for rule in type.rules where rule.when.allSatisfy({ $0.holds(for: subject) }) {
      check(rule, subject, hardware)
    }
    for (model, field) in Self.models(in: subject, of: type) {
      check(model, field, type, hardware)
    }
  }

  private func count(of level: ServiceRule.Level) -> Int {
    findings.count { $0.level == level }
  }

  private mutating func check(
    _ rule: ServiceRule, _ subject: ServiceSubject, _ hardware: Hardware
  ) {
    switch rule.need {
    case .amount(let amount, let bound):
      let need: Double? =
        switch bound {
        case .number(let number): number
        case .field(let field): subject.value(at: field)?.double
        }
      if let need { check(amount, need, rule.level, rule.field, rule.message, hardware) }
    case .gpu:
      if hardware.hasGPU { return }
      lack(
        Requirement(
          component: "gpu", have: .number("0"), need: .number("1"), unit: "GPUs",
          level: rule.level), rule.field, rule.message)
    case .vendor(let vendor):
      if hardware.isBy(vendor) { return }
      let have: JSONValue = hardware.gpuName.isEmpty ? .null : .string(hardware.gpuName)
      lack(
        Requirement(
          component: "gpu_vendor", have: have, need: .string(vendor.name), unit: "vendor",
          level: rule.level), rule.field, rule.message)
    }
  }

  private mutating func check(
    _ model: String, _ field: String, _ type: ServiceType, _ hardware: Hardware
  ) {
    guard let memory = type.memory(of: model) else {
      findings.append(
        Finding(
          level: .warning, field: field,
          message: "how much GPU memory \(model) takes is not known, so it was not checked"))
      return
    }
    let size = memory.parametersB.map { " (\(Self.plain($0)) billion parameters)" } ?? ""
    check(
      .gpuVRAMGB, memory.vramGB, .warning, field,
      "\(model)\(size) wants \(Self.plain(memory.vramGB)) GB of GPU memory", hardware)
  }

  private mutating func check(
    _ amount: Hardware.Amount, _ need: Double, _ level: ServiceRule.Level, _ field: String?,
    _ message: String, _ hardware: Hardware
  ) {
    guard need > 0, let have = hardware.amount(amount) else { return }
    cover(amount.rawValue, have / need)
    if have >= need { return }
    findings.append(
      Finding(
        level: level, field: field,
        message: "\(message); this miner has \(Self.plain(have)) \(amount.unit)"))
    require(
      Requirement(
        component: amount.rawValue, have: Self.number(have), need: Self.number(need),
        unit: amount.unit, level: level))
  }

  private mutating func lack(_ requirement: Requirement, _ field: String?, _ message: String) {
    findings.append(Finding(level: requirement.level, field: field, message: message))
    cover(requirement.component, 0)
    require(requirement)
  }

  private mutating func cover(_ component: String, _ ratio: Double) {
    if let coverage, coverage <= ratio { return }
    coverage = ratio
    bottleneck = component
  }

  private mutating func require(_ requirement: Requirement) {
    guard let place = missing.firstIndex(where: { $0.component == requirement.component }) else {
      return missing.append(requirement)
    }
    let held = missing[place]
    if (requirement.need.double ?? 0) > (held.need.double ?? 0) { missing[place] = requirement }
    if held.level == .error { missing[place].level = .error }
  }

  /// Each model that is named, once, with the field that names it first.
  private static func models(
    in subject: ServiceSubject, of type: ServiceType
  ) -> [(model: String, field: String)] {
    var found: [(model: String, field: String)] = []
    for field in type.modelFields {
      let value = subject.value(at: field)
      for name in (value?.array ?? [value].compactMap { $0 }).compactMap(\.string)
      where !name.isEmpty && !found.contains(where: { $0.model.lowercased() == name.lowercased() })
      {
        found.append((name, field))
      }
    }
    return found
  }

  private static func number(_ value: Double) -> JSONValue { .number(plain(value)) }

  private static func plain(_ value: Double) -> String {
    var json = JSONWriter(capacity: 16)
    json.value(value)
    return String(decoding: json.bytes, as: UTF8.self)
  }
}
