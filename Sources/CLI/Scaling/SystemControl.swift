import Foundation
import Synchronization

/// The tool that starts and stops units.
package protocol SystemControl: Sendable {
  /// - Returns: what it printed.
  /// - Throws: `SystemControlFault` when it failed.
  func run(_ arguments: [String]) async throws -> String
}

package struct SystemControlFault: Error, Equatable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// `systemctl`, or what stands in for it.
package struct SystemctlProgram: SystemControl {
  private let path: String

  package init(path: String) { self.path = path }

  package func run(_ arguments: [String]) async throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    let (output, faults) = (Pipe(), Pipe())
    (process.standardOutput, process.standardError) = (output, faults)
    process.standardInput = FileHandle.nullDevice
    do {
      try process.run()
    } catch {
      throw SystemControlFault("\(path) cannot be run: is this host run by systemd?")
    }
    // Read on threads of their own: starting units takes as long as they take.
    async let text = Self.all(of: output)
    async let complaint = Self.all(of: faults)
    let (printed, said) = await (text, complaint)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      let reason = said.split(whereSeparator: \.isNewline).joined(separator: "; ")
      throw SystemControlFault(
        "systemctl \(arguments.joined(separator: " ")) failed: "
          + (reason.isEmpty ? "status \(process.terminationStatus)" : reason))
    }
    return printed
  }

  private static func all(of pipe: Pipe) async -> String {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        let data = (try? pipe.fileHandleForReading.readToEnd()) ?? Data()
        continuation.resume(returning: String(decoding: data, as: UTF8.self))
      }
    }
  }
}
