import Domain
import Foundation
import GatewayPolicy
import Testing

@Suite("Session tokens")
struct TokenTests {
  static let now = Timestamp(milliseconds: 1_700_000_000_123)
  static let first: (id: String, secret: [UInt8]) = ("k1", Array(repeating: 1, count: 32))
  static let second: (id: String, secret: [UInt8]) = ("k2", Array(repeating: 2, count: 48))
  static let tokens = SessionTokens(keys: [first], lifetimeSeconds: 3_600)

  static func miner(_ text: String = "miner-1") throws -> MinerID { try #require(MinerID(text)) }

  @Test(
    "a token says whose it is, since when and until when",
    arguments: [
      "m", "miner-1", "a.B_c:9-", String(repeating: "x", count: 64),
    ])
  func roundTrip(id: String) throws {
    let token = Self.tokens.issue(for: try Self.miner(id), at: Self.now)
    let session = try Self.tokens.verify(token, at: Self.now)
    #expect(session.minerID.text == id)
    #expect(session.issuedAt == Self.now)
    #expect(session.expiresAt == Self.now.advanced(byMilliseconds: 3_600_000))
    #expect(token.hasPrefix("pht1.k1."))
    let isSafeInQuery = token.utf8.allSatisfy { byte in
      Character(Unicode.Scalar(byte)).isLetter || Character(Unicode.Scalar(byte)).isNumber
        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
    }
    #expect(isSafeInQuery)
  }

  @Test("it holds to the last millisecond and not one longer")
  func expiry() throws {
    let token = Self.tokens.issue(for: try Self.miner(), at: Self.now)
    _ = try Self.tokens.verify(token, at: Self.now.advanced(byMilliseconds: 3_599_999))
    for late in [3_600_000, 3_600_001, 1_000_000_000_000] as [Int64] {
      #expect(throws: SessionTokens.Fault.expired) {
        try Self.tokens.verify(token, at: Self.now.advanced(byMilliseconds: late))
      }
    }
  }

  /// `parts` with the character at `index` of part `part` replaced by another.
  private static func tampered(_ token: String, part: Int, index: Int) -> String {
    var parts = token.split(separator: ".").map { Array($0) }
    parts[part][index] = parts[part][index] == "A" ? "B" : "A"
    return parts.map { String($0) }.joined(separator: ".")
  }

  @Test("a change of any character of any part is noticed")
  func tampering() throws {
    let token = Self.tokens.issue(for: try Self.miner(), at: Self.now)
    let parts = token.split(separator: ".")
    #expect(parts.count == 4)
    for (part, text) in parts.enumerated() {
      for index in 0..<text.count {
        let changed = Self.tampered(token, part: part, index: index)
        #expect(throws: SessionTokens.Fault.self, "part \(part), character \(index)") {
          try Self.tokens.verify(changed, at: Self.now)
        }
      }
    }
    #expect(throws: SessionTokens.Fault.malformed) {
      try Self.tokens.verify(Self.tampered(token, part: 0, index: 3), at: Self.now)
    }
    #expect(throws: SessionTokens.Fault.unknownKey) {
      try Self.tokens.verify(Self.tampered(token, part: 1, index: 0), at: Self.now)
    }
    for part in [2, 3] {
      #expect(throws: SessionTokens.Fault.badSignature) {
        try Self.tokens.verify(Self.tampered(token, part: part, index: 5), at: Self.now)
      }
    }
  }

  @Test("another miner, a later end or another key's signature cannot be put in")
  func forgery() throws {
    let mine = Self.tokens.issue(for: try Self.miner("mine"), at: Self.now).split(separator: ".")
    let later = Self.now.advanced(byMilliseconds: 60_000)
    let other = Self.tokens.issue(for: try Self.miner("other"), at: later).split(separator: ".")
    let strange = SessionTokens(keys: [("k1", Self.second.secret)], lifetimeSeconds: 3_600)
      .issue(for: try Self.miner("other"), at: Self.now)
    for forged in [
      [mine[0], mine[1], other[2], mine[3]], [mine[0], mine[1], mine[2], other[3]],
    ] {
      #expect(throws: SessionTokens.Fault.badSignature) {
        try Self.tokens.verify(forged.joined(separator: "."), at: Self.now)
      }
    }
    #expect(throws: SessionTokens.Fault.badSignature) {
      try Self.tokens.verify(strange, at: Self.now)
    }
  }

  @Test("a new key signs while tokens of the old one go on, until it is dropped")
  func rotation() throws {
    let old = Self.tokens.issue(for: try Self.miner(), at: Self.now)
    let both = SessionTokens(keys: [Self.second, Self.first], lifetimeSeconds: 60)
    #expect(try both.verify(old, at: Self.now).minerID == Self.miner())
    let fresh = both.issue(for: try Self.miner(), at: Self.now)
    #expect(fresh.hasPrefix("pht1.k2."))
    let done = SessionTokens(keys: [Self.second], lifetimeSeconds: 60)
    #expect(try done.verify(fresh, at: Self.now).minerID == Self.miner())
    for (tokens, token) in [(done, old), (Self.tokens, fresh)] {
      #expect(throws: SessionTokens.Fault.unknownKey) { try tokens.verify(token, at: Self.now) }
    }
  }

  @Test(
    "what is no token is malformed",
    arguments: [
      "", "pht1", "pht1.", "pht1.k1", "pht1.k1.AAAA", "pht1.k1.AAAA.AAAA.AAAA", "pht2.k1.AAAA.AAAA",
      "PHT1.k1.AAAA.AAAA", "pht1.k1.AAAA.A", "pht1.k1.AAAA.é", "pht1.k1.AAAA.A A",
      " pht1.k1.AAAA.AAAA", "Bearer pht1.k1.AAAA.AAAA",
    ])
  func malformed(token: String) {
    #expect(throws: SessionTokens.Fault.malformed) { try Self.tokens.verify(token, at: Self.now) }
  }

  @Test("a token over 512 bytes is refused before anything is computed of it")
  func overLong() throws {
    let token = Self.tokens.issue(for: try Self.miner(), at: Self.now)
    for long in [
      token + String(repeating: "A", count: 513 - token.utf8.count),
      "pht1.k1." + String(repeating: "A", count: 1_000_000) + ".AAAA",
      String(repeating: ".", count: 100_000),
    ] {
      #expect(throws: SessionTokens.Fault.malformed) { try Self.tokens.verify(long, at: Self.now) }
    }
  }

  @Test("garbage and mutated tokens are refused, never more", arguments: 0..<8)
  func garbage(seed: UInt64) throws {
    var random = RequestRandom(seed: seed)
    let token = Array(Self.tokens.issue(for: try Self.miner(), at: Self.now).utf8)
    // The last character of the signature holds two bits that say nothing.
    let telling = token.dropLast()
    for _ in 0..<500 {
      var bytes = token
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        bytes = (0..<Int.random(in: 0..<80, using: &random)).map { _ in
          .random(in: 0...255, using: &random)
        }
      case 1:
        let place = Int.random(in: 0..<telling.count, using: &random)
        bytes[place] ^= 1 << UInt8.random(in: 0..<5, using: &random)
      case 2: bytes.remove(at: Int.random(in: 0..<bytes.count, using: &random))
      default:
        bytes.insert(
          UInt8(ascii: "B"), at: Int.random(in: 0...telling.count, using: &random))
      }
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(throws: SessionTokens.Fault.self, "\(text)") {
        try Self.tokens.verify(text, at: Self.now)
      }
    }
  }
}
