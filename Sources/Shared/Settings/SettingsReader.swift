import Configuration
import Domain
import Foundation
import Synchronization
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

/// Reads settings from the environment first, then systemd's credentials, then files of `KEY=value` lines.
///
/// A credential is a file named like its key in lower case with dashes, `poolhub-admin-secret`, in
/// `$CREDENTIALS_DIRECTORY`. That stays as it was at the start, so what a reload brings lies in
/// `$RUNTIME_DIRECTORY/credentials` and counts before it.
package struct SettingsReader: Sendable {
  /// What was read, so that two readings can be compared.
  private final class Record: Sendable {
    let values = Mutex<[String: String]>([:])
  }

  private let config: ConfigReader
  private let record = Record()

  /// - Parameter files: in place of `.env`; of two that name one key the first counts.
  /// - Throws: `SettingsError` when a file, or a credential directory, cannot be read.
  package static func live(files: [String] = []) async throws -> SettingsReader {
    let environment = ProcessInfo.processInfo.environment
    var providers: [any ConfigProvider] = [EnvironmentVariablesProvider()]
    if let directory = environment["RUNTIME_DIRECTORY"] {
      providers.append(
        try await credentials(in: "\(directory)/credentials", key: "RUNTIME_DIRECTORY"))
    }
    if let directory = environment["CREDENTIALS_DIRECTORY"] {
      providers.append(try await credentials(in: directory, key: "CREDENTIALS_DIRECTORY"))
    }
    for path in files.isEmpty ? [".env"] : files {
      do {
        providers.append(
          try await EnvironmentVariablesProvider(
            environmentFilePath: FilePath(path), allowMissing: files.isEmpty))
      } catch {
        throw SettingsError(
          key: path, fault: "cannot be read",
          mend: files.isEmpty
            ? "write lines of KEY=value, or remove the file"
            : "name a file of KEY=value lines that this user can read")
      }
    }
    return SettingsReader(config: ConfigReader(providers: providers))
  }

  private static func credentials(
    in directory: String, key: String
  ) async throws(SettingsError) -> any ConfigProvider {
    do {
      return try await DirectoryFilesProvider(
        directoryPath: FilePath(directory), allowMissing: true)
    } catch {
      throw SettingsError(
        key: key, fault: "cannot be read", mend: "let this user read the files in \(directory)")
    }
  }

  /// For tests: just these values.
  package init(environment: [String: String]) {
    config = ConfigReader(
      provider: EnvironmentVariablesProvider(environmentVariables: environment))
  }

  private init(config: ConfigReader) { self.config = config }

  /// The keys that were read so far here or there, with values that differ.
  package func changes(since former: SettingsReader) -> [String] {
    let before = former.record.values.withLock { $0 }
    let now = record.values.withLock { $0 }
    return Set(before.keys).union(now.keys).filter { before[$0] != now[$0] }.sorted()
  }

  /// The value with surrounding space, and a pair of double quotes as `.env` files have, removed; nil when
  /// absent or blank.
  package func text(_ key: String, isSecret: Bool = false) -> String? {
    let components = key.lowercased().split(separator: "_").map(String.init)
    var value = config.string(forKey: ConfigKey(components), isSecret: isSecret)?
      .trimmingCharacters(in: .whitespacesAndNewlines)
    if let quoted = value, quoted.count >= 2, quoted.first == "\"", quoted.last == "\"" {
      value = String(quoted.dropFirst().dropLast())
    }
    guard let value, !value.isEmpty else { return nil }
    record.values.withLock { $0[key] = value }
    return value
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
