import Synchronization

/// The `X-Request-ID` of an answer: the caller's own when it is sane, else one of ours.
package enum RequestID {
  /// 1 to 128 of the characters that UUIDs, ULIDs and trace ids use; nothing that could break a log line.
  package static func isSane(_ text: String) -> Bool {
    (1...128).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
          UInt8(ascii: "."), UInt8(ascii: ":"):
          true
        default: false
        }
      }
  }

  private static let start = UInt64.random(in: 0...UInt64.max)
  private static let count = Atomic<UInt64>(0)

  /// One that this process never made before: a count through a bijection from a random start
  /// (SplitMix64, Steele, Lea and Flood 2014), which costs no system call.
  package static func next() -> String {
    let number = count.wrappingAdd(1, ordering: .relaxed).oldValue
    var bits = start &+ number &* 0x9E37_79B9_7F4A_7C15
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return text(bits ^ (bits >> 31))
  }

  /// 16 hexadecimal digits.
  static func text(_ bits: UInt64) -> String {
    String(unsafeUninitializedCapacity: 16) { bytes in
      for index in 0..<16 {
        let digit = UInt8(truncatingIfNeeded: bits >> (60 - 4 * index)) & 15
        bytes[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
      }
      return 16
    }
  }
}
