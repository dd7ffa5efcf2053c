import Crypto

/// Codes under one key, for what is made so often that HMAC's second hash counts: half of a SHA-256 that begins with
/// the key as a whole block. From half a hash nobody can go on to that of a longer message, which is what HMAC's
/// second one is for.
///
/// Source: AMAC in Bellare, Bernstein, Tessaro, "Hash-Function Based PRFs: AMAC and Its Multi-User Security",
/// EUROCRYPT 2016.
package struct KeyedHash: Sendable {
  /// The first 16 bytes of the hash.
  package typealias Code = UInt128

  private static let blockByteCount = 64

  private var hash = SHA256()

  /// - Parameter key: 64 bytes at most; zeros make a block of it.
  package init(key: SymmetricKey) {
    let bytes = key.withUnsafeBytes { Array($0) }
    precondition(bytes.count <= Self.blockByteCount, "a key for codes is one block at most")
    let padded = bytes + Array(repeating: 0, count: Self.blockByteCount - bytes.count)
    padded.withUnsafeBytes { hash.update(bufferPointer: $0) }
  }

  /// The hash that has read these bytes too.
  package func read(_ message: UnsafeRawBufferPointer) -> KeyedHash {
    var read = self
    read.hash.update(bufferPointer: message)
    return read
  }

  /// Of all that was read.
  package var code: Code { hash.finalize().withUnsafeBytes { $0.loadUnaligned(as: Code.self) } }
}
