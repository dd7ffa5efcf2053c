import Glibc

/// An IPv4 or IPv6 address. IPv4 is held as IPv6 holds it (`::ffff:a.b.c.d`), so that an address is one
/// value however it was written or came in.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
  package let high: UInt64
  package let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// - Parameter v4: in the order of its text: 127.0.0.1 is 0x7F000001.
  package init(v4: UInt32) { self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(v4)) }

  /// - Parameter bytes: four or sixteen, in network order; nil for another number of them.
  package init?(bytes: some Collection<UInt8>) {
    func number(_ part: some Sequence<UInt8>) -> UInt64 {
      part.reduce(0) { $0 << 8 | UInt64($1) }
    }
    switch bytes.count {
    case 4: self.init(v4: UInt32(number(bytes)))
    case 16: self.init(high: number(bytes.prefix(8)), low: number(bytes.dropFirst(8)))
    default: return nil
    }
  }

  /// Reads `192.0.2.1` or `2001:db8::1`: no brackets, port or zone.
  package init?(_ text: String) {
    guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
    var v4 = in_addr()
    if inet_pton(AF_INET, text, &v4) == 1 {
      self.init(v4: UInt32(bigEndian: v4.s_addr))
      return
    }
    var v6 = in6_addr()
    guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
    self.init(bytes: withUnsafeBytes(of: &v6) { Array($0) })
  }

  package var isV4: Bool { high == 0 && low >> 32 == 0xFFFF }

  /// Whom a limit counts together: one IPv4 address, or a /64 of IPv6, as one subscriber has.
  package var subscriber: IPAddress { isV4 ? self : IPAddress(high: high, low: 0) }

  package var description: String {
    if isV4 {
      return (0..<4).map { String(low >> (24 - 8 * UInt64($0)) & 0xFF) }.joined(separator: ".")
    }
    var bytes = (high.bigEndian, low.bigEndian)
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    inet_ntop(AF_INET6, &bytes, &text, socklen_t(INET6_ADDRSTRLEN))
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

/// Addresses that begin with the same bits, as `10.0.0.0/8` or `2001:db8::/32`.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
  package enum Fault: Error, Equatable { case malformed, hostBits(instead: String) }

  let first: IPAddress
  /// Of 128; an IPv4 range has 96 more than were written.
  let bitCount: Int

  /// An address alone is a range of one.
  package init(_ text: String) throws(Fault) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = IPAddress(String(parts[0])) else { throw .malformed }
    // `::ffff:10.0.0.0/104` is written as IPv6, and so is its length.
    let isWrittenAsV4 = !parts[0].contains(":")
    var bits = 128
    if parts.count == 2 {
      let most = isWrittenAsV4 ? 32 : 128
      guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(parts[1]),
        length <= most, parts[1].utf8.count <= 3
      else { throw .malformed }
      bits = isWrittenAsV4 ? length + 96 : length
    }
    let masked = address.masked(to: bits)
    guard masked == address else {
      throw .hostBits(instead: "\(masked)/\(masked.isV4 && isWrittenAsV4 ? bits - 96 : bits)")
    }
    first = masked
    bitCount = bits
  }

  package func contains(_ address: IPAddress) -> Bool { address.masked(to: bitCount) == first }

  package var description: String {
    first.isV4 && bitCount >= 96 ? "\(first)/\(bitCount - 96)" : "\(first)/\(bitCount)"
  }
}

extension IPAddress {
  fileprivate func masked(to bitCount: Int) -> IPAddress {
    func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(.max >> UInt64(bits)) }
    return IPAddress(high: high & mask(bitCount), low: low & mask(bitCount - 64))
  }
}

extension [AddressRange] {
  package func contains(_ address: IPAddress) -> Bool {
    contains { $0.contains(address) }
  }
}
