import Testing

@testable import JSON

@Suite("Taking JSON apart token by token")
struct ScannerTests {
  /// Looks at one byte after the other, as the scanner did once.
  private func plainText(_ bytes: ArraySlice<UInt8>) -> String? {
    guard let end = bytes.firstIndex(of: UInt8(ascii: "\"")) else { return nil }
    let text = bytes[..<end]
    if text.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\\") }) { return nil }
    return String(validating: text, as: UTF8.self)
  }

  private func check(_ json: [UInt8]) {
    let expected = plainText(json.dropFirst())
    // Behind the quotes.
    let next = expected.flatMap { json.dropFirst($0.utf8.count + 2).first }
    let (text, isBehind) = json.withUnsafeBytes { buffer in
      var scanner = JSONScanner(buffer)
      let text = scanner.text()
      return (text, next.map { scanner.take($0) } ?? (text == nil || scanner.isAtEnd()))
    }
    #expect(text == expected && isBehind, "\(json)")
  }

  @Test(
    "a string ends at its quote, and is left alone for what isn't plain, wherever that stands",
    arguments: [0x00, 0x1F, 0x20, 0x21, 0x22, 0x23, 0x5B, 0x5C, 0x5D, 0x7F, 0x80, 0xA2, 0xFF]
      as [UInt8])
  func strings(special: UInt8) {
    // What stands behind a string, inside the same word, has no say in it.
    for filler in [UInt8(ascii: "a"), UInt8(ascii: "!"), 0x7F] {
      for count in 0...26 {
        let plain = [UInt8](repeating: filler, count: count)
        check([UInt8(ascii: "\"")] + plain + Array("\",".utf8))
        check([UInt8(ascii: "\"")] + plain)
        for place in plain.indices {
          var text = plain
          text[place] = special
          if special != UInt8(ascii: "\"") {
            check([UInt8(ascii: "\"")] + text + Array("\",".utf8))
          }
          check([UInt8(ascii: "\"")] + text)
        }
      }
    }
  }

  @Test("above ASCII is what is sound, wherever it stands", arguments: ["é", "漢", "🙂"])
  func beyondASCII(letter: String) {
    for before in 0...17 {
      for after in 0...9 {
        let text =
          String(repeating: "a", count: before) + letter + String(repeating: "b", count: after)
        check(Array("\"\(text)\",".utf8))
      }
    }
  }

  @Test("a byte is taken past space, and nothing else is")
  func bytes() {
    let taken = Array(" \t\r\n{ }x".utf8).withUnsafeBytes { buffer in
      var scanner = JSONScanner(buffer)
      return [
        scanner.take(UInt8(ascii: "}")), scanner.take(UInt8(ascii: "{")),
        scanner.take(UInt8(ascii: "}")), scanner.isAtEnd(), scanner.take(UInt8(ascii: " ")),
        scanner.take(UInt8(ascii: "x")), scanner.take(UInt8(ascii: "x")), scanner.isAtEnd(),
      ]
    }
    #expect(taken == [false, true, true, false, false, true, false, true])
    // Below a space stand bytes that are none.
    for byte in UInt8(0)..<0x20 where !Array(" \t\r\n".utf8).contains(byte) {
      let isTaken = [byte, UInt8(ascii: "x")].withUnsafeBytes { buffer in
        var scanner = JSONScanner(buffer)
        return scanner.take(UInt8(ascii: "x"))
      }
      #expect(!isTaken)
    }
  }
}
