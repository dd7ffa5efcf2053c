import Crypto

/// HMAC-SHA-256 (RFC 2104) under one key, for a code that is made with every match: both hashes hold the key
/// already and are copied for each code. Crypto's `HMAC` gives the same and takes three times as long, since it
/// reads through whatever kind of data there may be.
package struct KeyedHash: Sendable {
  private static let blockByteCount = 64

  private let inner: SHA256
  private let outer: SHA256

  /// - Parameter key: 64 bytes at most; a longer one would have to be hashed first.
  package init(key: SymmetricKey) {
    let bytes = key.withUnsafeBytes { Array($0) }
    precondition(bytes.count <= Self.blockByteCount, "a key for codes is one block at most")
    let padded = bytes + Array(repeating: 0, count: Self.blockByteCount - bytes.count)
    inner = Self.hash(startingWith: padded.map { $0 ^ 0x36 })
    outer = Self.hash(startingWith: padded.map { $0 ^ 0x5C })
  }

  package func code(of message: UnsafeRawBufferPointer) -> SHA256Digest {
    var inner = inner
    inner.update(bufferPointer: message)
    var outer = outer
    inner.finalize().withUnsafeBytes { outer.update(bufferPointer: $0) }
    return outer.finalize()
  }

  private static func hash(startingWith block: [UInt8]) -> SHA256 {
    var hash = SHA256()
    block.withUnsafeBytes { hash.update(bufferPointer: $0) }
    return hash
  }
}
