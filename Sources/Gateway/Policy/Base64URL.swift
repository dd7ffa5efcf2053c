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
    /// - Parameter bits: 24, the first letter's highest.
    func put(_ bits: UInt32, letters count: Int) {
      for letter in 0..<count {
        let value = bits &>> UInt32(18 &- 6 &* letter) & 63
        letters.initializeElement(at: place + letter, to: alphabet[Int(value)])
      }
      place += count
    }
    var from = 0
    while from + 3 <= bytes.count {
      let (high, middle, low) = (bytes[from], bytes[from + 1], bytes[from + 2])
      put(UInt32(high) << 16 | UInt32(middle) << 8 | UInt32(low), letters: 4)
      from += 3
    }
    switch bytes.count - from {
    case 1: put(UInt32(bytes[from]) << 16, letters: 2)
    case 2: put(UInt32(bytes[from]) << 16 | UInt32(bytes[from + 1]) << 8, letters: 3)
    default: break
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
