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

  package static func make(using generator: inout some RandomNumberGenerator) -> String {
    let digits = String(generator.next(), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
