/// Whose word counts for where a request came from. What any other peer says of that is ignored.
package struct TrustedProxies: Sendable, Equatable {
  /// The one header that the proxies write. A second one would be whatever the client has sent, as
  /// proxies pass on what they don't know.
  package enum Header: String, CaseIterable, Sendable {
    case forwarded
    case xForwardedFor = "x-forwarded-for"
    case none
  }

  /// A longer chain is read no further.
  static let hopLimit = 32

  package var ranges: [AddressRange]
  package var header: Header

  package init(ranges: [AddressRange] = [], header: Header = .xForwardedFor) {
    self.ranges = ranges
    self.header = header
  }

  package func trusts(_ peer: IPAddress) -> Bool { ranges.contains(peer) }

  /// The client behind `peer`: from the right, where each proxy has added whom it heard, the first that is
  /// no proxy of ours. An entry that names no address ends the search at the proxy that added it.
  ///
  /// - Parameter values: the header's lines, in their order.
  package func client(peer: IPAddress, values: [String]) -> IPAddress {
    var client = peer
    let hops = values.flatMap { Self.elements(of: $0) }
    for hop in hops.reversed().prefix(Self.hopLimit) {
      guard trusts(client), let address = address(in: hop) else { break }
      client = address
    }
    return client
  }

  private func address(in hop: Substring) -> IPAddress? {
    switch header {
    case .none: nil
    case .xForwardedFor: Self.node(hop)
    case .forwarded: Self.forwardedFor(hop).flatMap { Self.node($0) }
    }
  }

  /// Splits at commas that stand in no quotes.
  private static func elements(of value: String) -> [Substring] { split(value[...], at: ",") }

  private static func split(_ text: Substring, at separator: Character) -> [Substring] {
    var isQuoted = false
    return text.split(omittingEmptySubsequences: false) { character in
      if character == "\"" { isQuoted.toggle() }
      return character == separator && !isQuoted
    }
  }

  /// The value of `for` in one element of `Forwarded` (RFC 7239); nil when it has none, or two.
  private static func forwardedFor(_ element: Substring) -> Substring? {
    let values = split(element, at: ";").compactMap { pair -> Substring? in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, trimmed(parts[0]).lowercased() == "for" else { return nil }
      return parts[1]
    }
    return values.count == 1 ? values[0] : nil
  }

  /// An address as a header has it: in quotes or not, IPv6 in brackets or not, with a port or without.
  private static func node(_ text: Substring) -> IPAddress? {
    var text = trimmed(text)
    if text.count >= 2, text.first == "\"", text.last == "\"" { text = text.dropFirst().dropLast() }
    if text.first == "[" {
      guard let end = text.firstIndex(of: "]"), isPort(text[text.index(after: end)...]) else {
        return nil
      }
      return IPAddress(String(text[text.index(after: text.startIndex)..<end]))
    }
    // More than one colon is IPv6 with no brackets, which has no room for a port.
    if let colon = text.firstIndex(of: ":"), text.lastIndex(of: ":") == colon {
      guard isPort(text[colon...]) else { return nil }
      text = text[..<colon]
    }
    return IPAddress(String(text))
  }

  private static func isPort(_ rest: Substring) -> Bool {
    if rest.isEmpty { return true }
    let digits = rest.dropFirst().utf8
    return rest.first == ":" && (1...5).contains(digits.count)
      && digits.allSatisfy { (0x30...0x39).contains($0) }
  }

  private static func trimmed(_ text: Substring) -> Substring {
    let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
    var text = text.drop(while: isBlank)
    while let last = text.last, isBlank(last) { text.removeLast() }
    return text
  }
}
