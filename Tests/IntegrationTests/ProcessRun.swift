import Fleet
import Foundation
import Glibc
import TestSupport

/// What a program printed and how it ended.
struct ProgramRun: Sendable {
  var status: Int32
  /// Standard output and standard error, as they came.
  var output: String
  var duration: Duration

  var lines: [String] { output.split(separator: "\n").map(String.init) }

  /// Runs one of our programs in an empty folder until it ends.
  ///
  /// - Parameters:
  ///   - environment: all of it but PATH, so that nothing of ours gets in.
  ///   - limit: by then it is ended.
  static func run(
    _ program: String, _ arguments: [String] = [], environment: [String: String] = [:],
    files: [String: String] = [:], limit: Duration = .seconds(60)
  ) async throws -> ProgramRun {
    let folder = try TestFolder()
    defer { folder.remove() }
    for (name, text) in files {
      try text.write(toFile: "\(folder.path)/\(name)", atomically: true, encoding: .utf8)
    }
    let start = ContinuousClock.now
    let child = try await ChildProcess.start(
      executable: Binaries.path(program), arguments: arguments,
      environment: environment.merging(["PATH": "/usr/bin:/bin"]) { $1 },
      output: .file("\(folder.path)/.output"), workingDirectory: folder.path)
    let patience = Task {
      try await Task.sleep(for: limit)
      child.terminate(signal: 9)
    }
    let status = await child.waitForExit()
    patience.cancel()
    let output = try String(contentsOfFile: "\(folder.path)/.output", encoding: .utf8)
    return ProgramRun(status: status, output: output, duration: .now - start)
  }
}

/// A folder of a test; its short name leaves room for sockets, and PostgreSQL may enter it.
struct TestFolder: Sendable {
  let path =
    "/tmp/ph-\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: .min ... .max))"

  init() throws {
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}

extension ProgramRun {
  /// Runs a program of the system until it ends.
  static func tool(_ path: String, _ arguments: [String]) async throws -> ProgramRun {
    let folder = try TestFolder()
    defer { folder.remove() }
    let start = ContinuousClock.now
    let child = try await ChildProcess.start(
      executable: path, arguments: arguments, output: .file("\(folder.path)/.output"),
      workingDirectory: folder.path)
    let status = await child.waitForExit()
    let output = try String(contentsOfFile: "\(folder.path)/.output", encoding: .utf8)
    return ProgramRun(status: status, output: output, duration: .now - start)
  }
}
