import Glibc

/// The end of a log file, for saying why a child didn't start.
package enum LogTail {
  private static let byteLimit = 16_384

  /// The last `count` lines; fewer where there are fewer, none where there is no file.
  /// - Parameter start: bytes before this place are none of ours (an earlier run's).
  package static func lines(of path: String, count: Int, from start: Int = 0) -> [String] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 { return [] }
    defer { close(file) }
    let end = Int(lseek(file, 0, SEEK_END))
    let first = max(start, end - byteLimit)
    if end <= first { return [] }
    var bytes = [UInt8](repeating: 0, count: end - first)
    let got = pread(file, &bytes, bytes.count, off_t(first))
    if got <= 0 { return [] }
    let lines = bytes[..<got].split(separator: UInt8(ascii: "\n"))
    return lines.suffix(count).map { String(decoding: $0, as: UTF8.self) }
  }

  /// - Returns: 0 when there is no such file.
  package static func byteCount(of path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }
}
