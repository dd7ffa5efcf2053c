/// Where a Redis server listens and how to log in to it, as its URL says:
/// `redis://[user:password@]host[:port][/db]` or `unix:///path/to/socket`.
package struct RedisURL: Hashable, Sendable, CustomStringConvertible {
  package enum Endpoint: Hashable, Sendable {
    /// An IPv6 address stands here without its brackets.
    case tcp(host: String, port: Int)
    case unix(path: String)
  }

  /// What is wrong with a URL, without any secret of it.
  package struct ParseError: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
  }

  package static let defaultPort = 6379
  /// `sun_path` holds 108 bytes, the last of them a NUL.
  package static let socketPathBytes = 107

  package let endpoint: Endpoint
  package private(set) var user: String?
  package private(set) var password: String?
  package private(set) var database = 0

  package init(_ text: String) throws(ParseError) {
    if let path = text.dropping(prefix: "unix://") {
      guard path.hasPrefix("/") else {
        throw ParseError("a socket's path starts with a slash: unix:///path/to/socket")
      }
      guard path.utf8.count <= Self.socketPathBytes else {
        throw ParseError("a socket's path has at most \(Self.socketPathBytes) bytes")
      }
      endpoint = .unix(path: path)
    } else if let rest = text.dropping(prefix: "redis://") {
      self = try Self(afterScheme: rest)
    } else if text.hasPrefix("rediss://") {
      throw ParseError("TLS (rediss://) isn't spoken; use redis:// or unix://")
    } else {
      throw ParseError("it starts with neither redis:// nor unix://")
    }
  }

  private init(afterScheme rest: String) throws(ParseError) {
    if rest.contains("?") || rest.contains("#") {
      throw ParseError("options after ? or # aren't known")
    }
    let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    var hostAndPort = parts[0]
    if let at = hostAndPort.lastIndex(of: "@") {
      let login = hostAndPort[..<at].split(
        separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      guard login.count == 2 else { throw ParseError("the part before @ lacks its colon") }
      user = login[0].isEmpty ? nil : try Self.decodePercents(login[0])
      password = try Self.decodePercents(login[1])
      hostAndPort = hostAndPort[hostAndPort.index(after: at)...]
    }
    let (host, port) = try Self.splitHost(hostAndPort)
    endpoint = .tcp(host: host, port: port)
    if parts.count == 2 && !parts[1].isEmpty {
      guard let number = Int(parts[1]), (0...65_535).contains(number) else {
        throw ParseError("the database after the slash isn't a number")
      }
      database = number
    }
  }

  private static func splitHost(_ text: Substring) throws(ParseError) -> (String, Int) {
    var host = text
    var port: Substring?
    if text.first == "[" {
      guard let end = text.firstIndex(of: "]") else { throw ParseError("a bracket stays open") }
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.first == ":" else {
        throw ParseError("after the bracket comes neither a port nor the end")
      }
      if !rest.isEmpty { port = rest.dropFirst() }
    } else if let colon = text.firstIndex(of: ":") {
      host = text[..<colon]
      port = text[text.index(after: colon)...]
      if port?.contains(":") == true {
        throw ParseError("an IPv6 address needs brackets: redis://[::1]:6379")
      }
    }
    if host.isEmpty { throw ParseError("the host is missing") }
    guard let port else { return (String(host), defaultPort) }
    guard let number = Int(port), (1...65_535).contains(number) else {
      throw ParseError("the port isn't a number from 1 to 65535")
    }
    return (String(host), number)
  }

  private static func decodePercents(_ text: Substring) throws(ParseError) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = String(decoding: rest.prefix(2), as: UTF8.self)
      guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16) else {
        throw ParseError("a % before the @ isn't followed by two hexadecimal digits")
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Without user and password.
  package var description: String {
    switch endpoint {
    case .unix(let path): return "unix://\(path)"
    case .tcp(let host, let port):
      let shown = host.contains(":") ? "[\(host)]" : host
      return "redis://\(shown):\(port)" + (database == 0 ? "" : "/\(database)")
    }
  }
}

extension String {
  fileprivate func dropping(prefix: String) -> String? {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
  }
}
