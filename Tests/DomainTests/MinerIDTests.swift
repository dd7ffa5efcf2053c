import Domain
import TestRandom
import Testing

@Suite("Miner ids")
struct MinerIDTests {
  static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-".unicodeScalars)

  @Test("of all characters up to U+0300, exactly the alphabet's are taken, alone and inside")
  func alphabet() {
    for scalar in (0...0x300).compactMap(Unicode.Scalar.init) {
      let isAllowed = Self.alphabet.contains(scalar)
      #expect((MinerID(String(Character(scalar))) != nil) == isAllowed, "\(scalar.value)")
      #expect((MinerID("a\(Character(scalar))b") != nil) == isAllowed, "\(scalar.value)")
    }
  }

  @Test(
    "what only looks like the alphabet is refused",
    arguments: [
      "\u{435}", "\u{FF41}", "\u{212A}", "a\u{301}", "a\u{200B}", "½", "٣", "a b", " a", "a\n",
      "a\0", "a/b",
    ])
  func lookalikes(text: String) {
    #expect(MinerID(text) == nil)
  }

  @Test(
    "one to 64 bytes are taken",
    arguments: [(0, false), (1, true), (63, true), (64, true), (65, false), (100_000, false)])
  func length(count: Int, isTaken: Bool) {
    let text = String(repeating: "m", count: count)
    #expect(MinerID(text)?.text == (isTaken ? text : nil))
  }

  @Test("the order is that of the bytes, as a naive sort of byte lists has it", arguments: 0..<8)
  func order(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let ids = try (0..<300).map { _ in
      // Few letters, so that ids share beginnings and some are beginnings of others.
      let letters = (0...random.below(6)).map { _ in random.pick(Array("aAzZ09._:-")) }
      return try #require(MinerID(String(letters)))
    }
    let expected = ids.map { Array($0.text.utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
    #expect(ids.sorted().map { Array($0.text.utf8) } == expected)
  }

  @Test("an id is before those that it begins, and equal ids are not before each other")
  func prefixes() throws {
    let short = try #require(MinerID("miner-1"))
    let long = try #require(MinerID("miner-10"))
    #expect(short < long)
    #expect(!(long < short))
    #expect(!(short < short))
    #expect("\(long)" == "miner-10")
  }
}
