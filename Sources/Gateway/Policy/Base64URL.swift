/// RFC 4648 §5 without padding, and strict: every text that is read is the one that would be written.
enum Base64URL {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
  private static let values: [UInt8] = {
    var values = [UInt8](repeating: .max, count: 256)
    for (value, letter) in alphabet.enumerated() { values[Int(letter)] = UInt8(value) }
    return values
  }()

  static func letterCount(of byteCount: Int) -> Int { (byteCount * 4 + 2) / 3 }

  /// - Parameter letters: as many as `letterCount` says.
  static func encode(
    _ bytes: UnsafeRawBufferPointer, to letters: Slice<UnsafeMutableBufferPointer<UInt8>>
  ) {
    var letters = letters
    var place = letters.startIndex
    alphabet.withUnsafeBufferPointer { alphabet in
      var (bits, bitCount): (UInt32, Int) = (0, 0)
      for byte in bytes {
        bits = bits << 8 | UInt32(byte)
        bitCount += 8
        while bitCount >= 6 {
          bitCount -= 6
          letters[place] = alphabet[Int(bits >> UInt32(bitCount) & 63)]
          place += 1
        }
      }
      if bitCount > 0 { letters[place] = alphabet[Int(bits << UInt32(6 - bitCount) & 63)] }
    }
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
