import CLinux
import Foundation
import Glibc

/// Reads a process's settings from where they live, or ends the process with one line that says what is
/// wrong and exit status 78, which systemd shows as a configuration fault.
///
/// - Parameter files: where settings stand, in place of `.env`.
package func loadSettings<Settings>(
  named process: String, files: [String] = [], _ read: (SettingsReader) throws -> Settings
) async throws -> Settings {
  keepMemoryPrivate()
  do {
    return try read(await SettingsReader.live(files: files))
  } catch let error as SettingsError {
    FileHandle.standardError.write(Data("\(process): \(error)\n".utf8))
    exit(EX_CONFIG)
  }
}

/// From here on no core file of this process is written, and nobody but root reads its memory or its
/// environment: both hold secrets.
package func keepMemoryPrivate() {
  var none = rlimit(rlim_cur: 0, rlim_max: 0)
  setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
  _ = set_dumpable(0)
}
