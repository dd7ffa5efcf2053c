import Fleet
import Foundation

/// Where the programs under test are: beside the tests themselves, unless `POOLHUB_BINARIES` says.
package enum Binaries {
  package static var directory: String {
    ProcessInfo.processInfo.environment["POOLHUB_BINARIES"] ?? OwnExecutable.directory
  }

  package static func path(_ name: String) -> String { "\(directory)/\(name)" }
}
