/// RFC 4648 §5 without padding, and strict: every text that is read is the one that would be written.
enum Base64URL {
  private static let alphabet: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: .max, count: 256)
    for value in 0..<64 { values[Int(alphabet.utf8Start[value])] = UInt8(value) }
    return values
  }()

  static func letterCount(of byteCount: Int) -> Int { (byteCount * 4 + 2) / 3 }

  /// - Parameter letters: room for as many as `letterCount` says.
  static func encode(_ bytes: UnsafeRawBufferPointer, to letters: UnsafeMutableBufferPointer<UInt8>)
  {
    let alphabet = alphabet.utf8Start
    var place = 0
    var (bits, bitCount): (UInt32, UInt32) = (0, 0)
    func put(_ value: UInt32) {
      letters.initializeElement(at: place, to: alphabet[Int(value & 63)])
      place += 1
    }
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      bitCount += 8
      while bitCount >= 6 {
        bitCount -= 6
        put(bits >> bitCount)
      }
    }
    if bitCount > 0 { put(bits << (6 - bitCount)) }
  }

  /// - Returns: nil when a letter is none, or bits are left that no byte needs.
  static func decode(_ letters: some Sequence<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var (bits, bitCount): (UInt32, Int) = (0, 0)
    for letter in letters {
      let value = values[Int(letter)]
      guard value != .max else { return nil }
      bits = (bits << 6 | UInt32(value)) & 0xFFFF
      bitCount += 6
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(bits >> UInt32(bitCount) & 0xFF))
      }
    }
    return bitCount < 6 && bits & (1 << UInt32(bitCount) - 1) == 0 ? bytes : nil
  }
}
