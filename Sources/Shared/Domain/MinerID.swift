/// A miner's name: 1 to 64 bytes of `A-Za-z0-9._:-`. Ordered by bytes, which settles ties in a match.
package struct MinerID: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let text: String

  /// - Returns: nil when `text` is empty, over 64 bytes, or holds a byte outside the alphabet.
  package init?(_ text: String) {
    // Not generic over strings: unspecialised across modules that costs half a microsecond.
    var text = text
    let isSound = text.withUTF8 { bytes in
      (1...Limits.minerIDBytes).contains(bytes.count) && bytes.allSatisfy(Self.isAllowed)
    }
    guard isSound else { return nil }
    self.text = text
  }

  package var description: String { text }

  package static func < (left: MinerID, right: MinerID) -> Bool {
    left.text.utf8.lexicographicallyPrecedes(right.text.utf8)
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: ":"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
