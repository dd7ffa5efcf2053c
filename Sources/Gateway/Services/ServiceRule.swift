import Domain
import JSON

/// One line of a type's table of rules: what a configuration needs of the hardware, and how bad it is
/// where that is missing.
package struct ServiceRule: Equatable, Sendable {
  package enum Level: String, CaseIterable, Sendable { case error, warning }

  package var level: Level
  package var message: String
  /// What to show it beside: `config.max_resolution`; nil: the whole.
  package var field: String?
  /// All of them must hold for the rule to speak; none: it always does.
  package var when: [Condition]
  package var need: Need

  package struct Condition: Equatable, Sendable {
    package enum Test: Equatable, Sendable {
      /// A number of at least this.
      case atLeast(Double)
      /// A resolution (`3840x2160`, `4k`, `2160p`, a number) whose longer side is at least this.
      case sideAtLeast(Double)
      /// A text that holds one of these, whatever its case.
      case contains([String])
      /// Switched on: neither false, nor 0, nor empty, nor a word for no.
      case isSet
    }

    /// Any of these may say it, and of a list any item.
    package var fields: [String]
    package var test: Test
  }

  package enum Need: Equatable, Sendable {
    case amount(Hardware.Amount, Bound)
    case gpu
    case vendor(GPUVendor)
  }

  package enum Bound: Equatable, Sendable {
    case number(Double)
    /// What the configuration says there.
    case field(String)
  }
}

/// How to tell a maker's GPUs by what miners say of them.
package struct GPUVendor: Equatable, Sendable {
  package var name: String
  /// `an NVIDIA GPU`
  package var title: String
  /// Accelerators that only they have.
  package var accel: [String]
  /// Words in their names; in lower case.
  package var words: [String]
}

/// What a rule knows of a miner.
package struct Hardware: Sendable {
  package enum Amount: String, CaseIterable, Sendable {
    case gpuVRAMGB = "gpu_vram_gb"
    case ramGB = "ram_gb"
    case cpuCores = "cpu_cores"
    case gpuCount = "gpu_count"
    case maxParallel = "max_parallel"

    var unit: String {
      switch self {
      case .gpuVRAMGB, .ramGB: "GB"
      case .cpuCores: "cores"
      case .gpuCount: "GPUs"
      case .maxParallel: "jobs"
      }
    }
  }

  private let profile: MinerProfile

  package init(_ profile: MinerProfile) { self.profile = profile }

  var gpuName: String { profile.gpuName }

  /// nil: the miner didn't say, which is no fault.
  func amount(_ amount: Amount) -> Double? {
    switch amount {
    case .gpuVRAMGB: profile.gpuVRAMGB
    case .gpuCount: Double(profile.gpuCount)
    case .maxParallel: Double(profile.maxParallel)
    case .ramGB: profile.ramGB == 0 ? nil : profile.ramGB
    case .cpuCores: profile.cpuCores == 0 ? nil : Double(profile.cpuCores)
    }
  }

  var hasGPU: Bool {
    profile.gpuCount > 0 || profile.gpuVRAMGB > 0 || !profile.gpuName.isEmpty
      || profile.accel.contains { $0 != "cpu" }
  }

  func isBy(_ vendor: GPUVendor) -> Bool {
    if profile.accel.contains(where: vendor.accel.contains) { return true }
    let words = profile.gpuName.lowercased().split { !($0.isLetter || $0.isNumber) }
    return words.contains { word in
      // `rtx4090` is a word, too.
      vendor.words.contains { $0 == word || ($0.count > 2 && word.hasPrefix($0)) }
    }
  }
}

extension ServiceRule.Condition {
  func holds(for subject: ServiceSubject) -> Bool {
    fields.contains { field in
      switch subject.value(at: field) {
      case nil: false
      case .array(let items)? where test != .isSet: items.contains(where: holds)
      case let value?: holds(value)
      }
    }
  }

  private func holds(_ value: JSONValue) -> Bool {
    switch test {
    case .atLeast(let bound): return value.double.map { $0 >= bound } ?? false
    case .sideAtLeast(let bound): return Self.side(value).map { $0 >= bound } ?? false
    case .contains(let parts):
      guard let text = value.string?.lowercased() else { return false }
      return parts.contains { text.contains($0) }
    case .isSet:
      switch value {
      case .null, .bool(false): return false
      case .bool(true): return true
      case .number: return value.double != 0
      case .string(let text):
        return !["", "none", "no", "off", "false", "cpu", "0"].contains(text.lowercased())
      case .array(let items): return !items.isEmpty
      case .object(let object): return !object.members.isEmpty
      }
    }
  }

  /// The longer side, in pixels.
  private static func side(_ value: JSONValue) -> Double? {
    if let number = value.double { return number }
    guard let text = value.string?.lowercased(), text.utf8.count <= 64 else { return nil }
    switch text {
    case "4k", "uhd", "4k uhd": return 3_840
    case "8k": return 7_680
    default: break
    }
    // Lines, of pictures 16:9.
    if text.hasSuffix("p"), let lines = Double(text.dropLast()) { return lines * 16 / 9 }
    return text.split { $0 == "x" || $0 == "×" || $0 == "*" || $0 == " " }.compactMap { Double($0) }
      .max()
  }
}
