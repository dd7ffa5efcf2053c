/// The PROXY protocol's header, with which a TCP balancer begins a connection to say whose it is:
/// version 1 (a line) and version 2 (binary), by HAProxy's specification. Pure.
package enum ProxyHeader: Equatable, Sendable {
  /// All of it was there.
  ///
  /// - Parameter source: nil when it says that the connection is the proxy's own, as for a health check,
  ///   or that it doesn't know.
  case complete(source: IPAddress?, byteCount: Int)
  case incomplete
  case malformed

  /// The longest that is read; version 2 may carry notes behind the addresses.
  package static let byteLimit = 1_024
  private static let lineLimit = 107
  private static let signature: [UInt8] = [
    0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
  ]

  /// - Parameter bytes: the connection's first.
  package static func read(_ bytes: some RandomAccessCollection<UInt8>) -> ProxyHeader {
    let bytes = Array(bytes.prefix(byteLimit))
    if bytes.isEmpty { return .incomplete }
    let begins = signature.prefix(bytes.count)
    return bytes.starts(with: begins) ? readBinary(bytes) : readLine(bytes)
  }

  private static func readBinary(_ bytes: [UInt8]) -> ProxyHeader {
    guard bytes.count >= 16 else { return .incomplete }
    let (version, command) = (bytes[12] >> 4, bytes[12] & 15)
    let byteCount = 16 + Int(bytes[14]) << 8 + Int(bytes[15])
    guard version == 2, command <= 1, byteCount <= byteLimit else { return .malformed }
    guard bytes.count >= byteCount else { return .incomplete }
    // 0: LOCAL, the proxy's own connection.
    if command == 0 { return .complete(source: nil, byteCount: byteCount) }
    let addresses = bytes[16..<byteCount]
    switch bytes[13] {
    case 0x11:
      guard addresses.count >= 12 else { return .malformed }
      return .complete(source: IPAddress(bytes: addresses.prefix(4)), byteCount: byteCount)
    case 0x21:
      guard addresses.count >= 36 else { return .malformed }
      return .complete(source: IPAddress(bytes: addresses.prefix(16)), byteCount: byteCount)
    // Datagrams and Unix sockets don't come here; unspecified says that it doesn't know.
    case 0x00: return .complete(source: nil, byteCount: byteCount)
    default: return .malformed
    }
  }

  private static func readLine(_ bytes: [UInt8]) -> ProxyHeader {
    let beginning = Array("PROXY ".utf8)
    guard bytes.starts(with: beginning.prefix(bytes.count)) else { return .malformed }
    guard let end = bytes.prefix(lineLimit).firstIndex(of: 0x0A) else {
      return bytes.count >= lineLimit ? .malformed : .incomplete
    }
    guard end > 0, bytes[end - 1] == 0x0D else { return .malformed }
    let words = String(decoding: bytes[..<(end - 1)], as: UTF8.self)
      .split(separator: " ", omittingEmptySubsequences: false)
    if words.count >= 2, words[1] == "UNKNOWN" {
      return .complete(source: nil, byteCount: end + 1)
    }
    guard words.count == 6, let source = IPAddress(String(words[2])),
      let destination = IPAddress(String(words[3])), isPort(words[4]), isPort(words[5])
    else { return .malformed }
    let hasColons = words[2].contains(":") && words[3].contains(":")
    switch words[1] {
    case "TCP4" where source.isV4 && destination.isV4 && !hasColons: break
    case "TCP6" where hasColons: break
    default: return .malformed
    }
    return .complete(source: source, byteCount: end + 1)
  }

  private static func isPort(_ word: Substring) -> Bool {
    word.utf8.allSatisfy { (0x30...0x39).contains($0) } && UInt16(word) != nil
  }
}
