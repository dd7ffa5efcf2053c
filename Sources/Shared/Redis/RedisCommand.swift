/// One command with its arguments, any bytes, kept in one buffer.
package struct RedisCommand: Sendable {
  private(set) var bytes: [UInt8] = []
  /// Where each argument ends in `bytes`.
  private(set) var ends: [Int] = []

  package init(_ words: String...) {
    for word in words { append(word) }
  }

  package var argumentCount: Int { ends.count }

  package mutating func append(_ text: String) {
    bytes.append(contentsOf: text.utf8)
    ends.append(bytes.count)
  }

  package mutating func append(_ value: [UInt8]) {
    bytes.append(contentsOf: value)
    ends.append(bytes.count)
  }

  package mutating func append(_ number: some BinaryInteger) { append(String(number)) }

  /// For a command of many arguments, whose sizes are known before.
  package mutating func reserve(argumentCount: Int, byteCount: Int) {
    ends.reserveCapacity(ends.count + argumentCount)
    bytes.reserveCapacity(bytes.count + byteCount)
  }

  /// Gives `body` the arguments as C wants them, valid only during the call.
  func withArguments<Result>(
    _ body: (Int32, UnsafeMutablePointer<UnsafePointer<CChar>?>, UnsafePointer<Int>) -> Result
  ) -> Result {
    bytes.withUnsafeBufferPointer { buffer in
      buffer.withMemoryRebound(to: CChar.self) { characters in
        var pointers: [UnsafePointer<CChar>?] = []
        var lengths: [Int] = []
        pointers.reserveCapacity(ends.count)
        lengths.reserveCapacity(ends.count)
        var start = 0
        for end in ends {
          pointers.append(characters.baseAddress.map { $0 + start })
          lengths.append(end - start)
          start = end
        }
        return body(Int32(ends.count), &pointers, lengths)
      }
    }
  }
}
