import FoundationEssentials
import Glibc

/// A folder of its own for one run.
struct TemporaryFolder: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/poolhub-bench-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw CommandError("no temporary folder: \(String(cString: strerror(errno)))")
    }
    let name = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // PostgreSQL runs as another user when we are root, and passes through here.
    chmod(name, 0o755)
    path = name
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }
}
