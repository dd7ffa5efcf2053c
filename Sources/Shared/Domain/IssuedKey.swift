/// A key that the hub made: `PREFIX_BODYCHECK`, 40 random letters and digits and 6 of their CRC-32.
///
/// The prefix lets scanners find a key that leaked, and the checksum tells a typo from a key that is
/// unknown, with no look-up: `\bph[mc]_[0-9A-Za-z]{46}\b`.
package struct IssuedKey: Sendable {
  package enum Kind: String, CaseIterable, Sendable {
    case miner, coordinator

    package var prefix: String { self == .miner ? "phm_" : "phc_" }
  }

  /// What a text looks like.
  package enum Look: Equatable, Sendable { case issued(Kind), mistyped, foreign }

  private static let alphabet = Array(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
  private static let bodyCount = 40
  private static let checkCount = 6

  /// The secret itself: to be shown once, and never kept.
  package let text: String

  package init(_ kind: Kind, using random: inout some RandomNumberGenerator) {
    let body = (0..<Self.bodyCount).map { _ in
      Self.alphabet[Int.random(in: 0..<Self.alphabet.count, using: &random)]
    }
    let start = kind.prefix + String(decoding: body, as: UTF8.self)
    text = start + Self.check(of: start)
  }

  package static func look(of text: String) -> Look {
    guard let kind = Kind.allCases.first(where: { text.hasPrefix($0.prefix) }),
      text.utf8.count == kind.prefix.utf8.count + bodyCount + checkCount
    else { return .foreign }
    let start = String(decoding: text.utf8.dropLast(checkCount), as: UTF8.self)
    return start + check(of: start) == text ? .issued(kind) : .mistyped
  }

  /// The CRC-32 as six digits of base 62, the highest first.
  private static func check(of text: String) -> String {
    var rest = crc32(text.utf8)
    var digits: [UInt8] = []
    for _ in 0..<checkCount {
      digits.append(alphabet[Int(rest % UInt32(alphabet.count))])
      rest /= UInt32(alphabet.count)
    }
    return String(decoding: digits.reversed(), as: UTF8.self)
  }

  /// That of zlib, bit by bit: keys are short and rare.
  static func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var remainder = UInt32.max
    for byte in bytes {
      remainder ^= UInt32(byte)
      for _ in 0..<8 { remainder = remainder >> 1 ^ (remainder & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return ~remainder
  }
}
