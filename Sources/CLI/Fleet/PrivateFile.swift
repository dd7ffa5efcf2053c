import Glibc

/// Files that only their owner may read, replaced whole or not at all.
package enum PrivateFile {
  /// Writes `bytes` beside `path` and renames: a reader sees the old text or the new, never a part.
  package static func replace(_ path: String, with bytes: [UInt8]) throws(FleetError) {
    let draft = "\(path).\(getpid()).new"
    let file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    if file < 0 { throw failure("written", path) }
    // A draft left by an older process may have had other rights.
    let isWritten = fchmod(file, 0o600) == 0 && writeAll(bytes, to: file) && fsync(file) == 0
    close(file)
    if !isWritten || rename(draft, path) != 0 {
      let error = failure("written", path)
      unlink(draft)
      throw error
    }
  }

  /// Writes a file that isn't there yet.
  package static func create(_ path: String, with bytes: [UInt8]) throws(FleetError) {
    let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if file < 0 { throw failure("written", path) }
    let isWritten = writeAll(bytes, to: file) && fsync(file) == 0
    close(file)
    if !isWritten {
      let error = failure("written", path)
      unlink(path)
      throw error
    }
  }

  /// - Returns: nil when there is no such file.
  package static func read(_ path: String) throws(FleetError) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 {
      if errno == ENOENT { return nil }
      throw failure("read", path)
    }
    defer { close(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = Glibc.read(file, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      if count < 0 { throw failure("read", path) }
      if count == 0 { return bytes }
      bytes += chunk[..<count]
    }
  }

  /// Creates the folder and those above it; what exists is left as it is.
  /// - Parameter mode: of folders that are made here.
  package static func makeDirectory(_ path: String, mode: mode_t = 0o700) throws(FleetError) {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/" + part
      if mkdir(made, mode) != 0 && errno != EEXIST { throw failure("made", made) }
    }
  }

  private static func writeAll(_ bytes: [UInt8], to file: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      if count <= 0 { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  private static func failure(_ verb: String, _ path: String) -> FleetError {
    FleetError("\(path) could not be \(verb): \(String(cString: strerror(errno)))")
  }
}
