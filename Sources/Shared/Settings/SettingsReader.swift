import Configuration
import Domain
import Foundation
import SystemPackage

/// Why a process won't start: the key, what is wrong with its value, and how to mend it.
/// Never holds a secret's value.
package struct SettingsError: Error, Equatable, CustomStringConvertible {
  package var key: String
  package var fault: String
  package var mend: String

  package init(key: String, fault: String, mend: String) {
    self.key = key
    self.fault = fault
    self.mend = mend
  }

  package var description: String { "\(key) \(fault); \(mend)" }
}

/// Reads settings from the environment first, then systemd's credentials, then `.env`.
///
/// A credential is a file in `$CREDENTIALS_DIRECTORY` named like its key in lower case with dashes:
/// `poolhub-admin-secret`.
package struct SettingsReader: Sendable {
  private let config: ConfigReader

  /// - Throws: `SettingsError` when a credential directory or `.env` cannot be read.
  package static func live() async throws -> SettingsReader {
    var providers: [any ConfigProvider] = [EnvironmentVariablesProvider()]
    if let directory = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"] {
      do {
        providers.append(
          try await DirectoryFilesProvider(directoryPath: FilePath(directory), allowMissing: true))
      } catch {
        throw SettingsError(
          key: "CREDENTIALS_DIRECTORY", fault: "cannot be read",
          mend: "let this user read the files in \(directory)")
      }
    }
    do {
      providers.append(
        try await EnvironmentVariablesProvider(environmentFilePath: ".env", allowMissing: true))
    } catch {
      throw SettingsError(
        key: ".env", fault: "cannot be read", mend: "write lines of KEY=value, or remove the file")
    }
    return SettingsReader(config: ConfigReader(providers: providers))
  }

  /// For tests: just these values.
  package init(environment: [String: String]) {
    config = ConfigReader(
      provider: EnvironmentVariablesProvider(environmentVariables: environment))
  }

  private init(config: ConfigReader) { self.config = config }

  /// The value with surrounding space, and a pair of double quotes as `.env` files have, removed; nil when
  /// absent or blank.
  package func text(_ key: String, isSecret: Bool = false) -> String? {
    let components = key.lowercased().split(separator: "_").map(String.init)
    var value = config.string(forKey: ConfigKey(components), isSecret: isSecret)?
      .trimmingCharacters(in: .whitespacesAndNewlines)
    if let quoted = value, quoted.count >= 2, quoted.first == "\"", quoted.last == "\"" {
      value = String(quoted.dropFirst().dropLast())
    }
    return value?.isEmpty == false ? value : nil
  }

  package func required(
    _ key: String, mend: String, isSecret: Bool = false
  ) throws(SettingsError) -> String {
    guard let value = text(key, isSecret: isSecret) else {
      throw SettingsError(key: key, fault: "is missing", mend: mend)
    }
    return value
  }

  package func integer(
    _ key: String, default fallback: Int, in range: ClosedRange<Int>
  ) throws(SettingsError) -> Int {
    guard let text = text(key) else { return fallback }
    guard let value = Int(text), range.contains(value) else {
      throw SettingsError(
        key: key, fault: "is not a whole number from \(range.lowerBound) to \(range.upperBound)",
        mend: "set it like \(key)=\(fallback)")
    }
    return value
  }

  package func number(
    _ key: String, default fallback: Double, in range: ClosedRange<Double>
  ) throws(SettingsError) -> Double {
    guard let text = text(key) else { return fallback }
    guard let value = Double(text), range.contains(value) else {
      throw SettingsError(
        key: key, fault: "is not a number from \(range.lowerBound) to \(range.upperBound)",
        mend: "set it like \(key)=\(fallback)")
    }
    return value
  }

  package func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, default fallback: Choice
  ) throws(SettingsError) -> Choice where Choice.RawValue == String {
    guard let text = text(key) else { return fallback }
    guard let choice = Choice(rawValue: text.lowercased()) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw SettingsError(
        key: key, fault: "is not one of \(known)", mend: "set it like \(key)=\(fallback.rawValue)")
    }
    return choice
  }

  /// `a,b,c` without blanks.
  package func list(_ key: String) -> [String] {
    (text(key) ?? "").split(separator: ",")
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
  }
}
