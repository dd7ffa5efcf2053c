import Domain
import TestRandom
import Testing

@Suite("Issued keys") struct IssuedKeyTests {
  @Test("A key is known by its prefix and checksum", arguments: IssuedKey.Kind.allCases)
  func look(_ kind: IssuedKey.Kind) {
    var random = SplitMix64(seed: 7)
    for _ in 0..<200 {
      let key = IssuedKey(kind, using: &random).text
      #expect(key.utf8.count == 50 && key.hasPrefix(kind.prefix))
      #expect(IssuedKey.look(of: key) == .issued(kind))
    }
  }

  @Test("Every single wrong letter and every swap of neighbours is seen")
  func typos() {
    var random = SplitMix64(seed: 8)
    let key = Array(IssuedKey(.miner, using: &random).text.utf8)
    for place in 4..<key.count {
      for letter in "0aZ9".utf8 where letter != key[place] {
        var typo = key
        typo[place] = letter
        #expect(IssuedKey.look(of: String(decoding: typo, as: UTF8.self)) == .mistyped)
      }
      if place + 1 < key.count, key[place] != key[place + 1] {
        var typo = key
        typo.swapAt(place, place + 1)
        #expect(IssuedKey.look(of: String(decoding: typo, as: UTF8.self)) == .mistyped)
      }
    }
  }

  @Test("Keys that miners made up are left alone")
  func foreign() {
    for text in ["", "phm_", "phm_too-short-for-one-of-ours", "my-own-key-0123456789"] {
      #expect(IssuedKey.look(of: text) == .foreign)
    }
  }
}
