import Foundation
import Glibc

/// Reads a process's settings from where they live, or ends the process with one line that says what is
/// wrong and exit status 78, which systemd shows as a configuration fault.
package func loadSettings<Settings>(
  named process: String, _ read: (SettingsReader) throws -> Settings
) async throws -> Settings {
  do {
    return try read(await SettingsReader.live())
  } catch let error as SettingsError {
    FileHandle.standardError.write(Data("\(process): \(error)\n".utf8))
    exit(EX_CONFIG)
  }
}
