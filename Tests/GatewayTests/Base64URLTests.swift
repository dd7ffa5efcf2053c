import Foundation
import TestRandom
import Testing

@testable import GatewayPolicy

@Suite("Base64url")
struct Base64URLTests {
  @Test("says what Foundation does, but for its two letters and its padding", arguments: 0..<100)
  func letters(byteCount: Int) {
    var random = SplitMix64(seed: UInt64(byteCount))
    let bytes = (0..<byteCount).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let letterCount = Base64URL.letterCount(of: byteCount)
    let letters = [UInt8](unsafeUninitializedCapacity: letterCount) { room, count in
      bytes.withUnsafeBytes { Base64URL.encode($0, to: room) }
      count = letterCount
    }
    let expected = Data(bytes).base64EncodedString()
      .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    #expect(String(decoding: letters, as: UTF8.self) == expected)
    #expect(Base64URL.decode(letters) == bytes)
  }

  @Test(
    "what isn't as it would be written isn't read", arguments: ["A", "AB", "AA=", "A+", "AAAAA"])
  func faults(text: String) { #expect(Base64URL.decode(text.utf8) == nil) }
}
