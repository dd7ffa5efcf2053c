import Glibc

/// Holds a folder for this process alone. The kernel lets go of it when the process ends, however it ends.
package final class DirectoryLock: Sendable {
  package static let fileName = "dev.lock"

  private let file: Int32

  /// - Throws: `FleetError` when another process holds `directory`.
  package init(_ directory: String) throws(FleetError) {
    let path = directory + "/" + Self.fileName
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    if file < 0 {
      throw FleetError("\(path) could not be opened: \(String(cString: strerror(errno)))")
    }
    if flock(file, LOCK_EX | LOCK_NB) != 0 {
      close(file)
      throw FleetError("another poolhub dev is using \(directory)")
    }
  }

  deinit { close(file) }
}
