import Crypto
import GatewayPolicy
import Testing

@Suite("Codes under a key")
struct KeyedHashTests {
  @Test(
    "they are half of SHA-256 over a block of key and all that was read, in whatever pieces",
    arguments: 0..<200 as Range<UInt64>)
  func same(seed: UInt64) {
    var random = RequestRandom(seed: seed)
    let key = (0..<Int.random(in: 1...64, using: &random)).map { _ in
      UInt8.random(in: 0...255, using: &random)
    }
    let message = (0..<Int.random(in: 0...300, using: &random)).map { _ in
      UInt8.random(in: 0...255, using: &random)
    }
    let start = KeyedHash(key: SymmetricKey(data: key))
    var hash = start
    var rest = message[...]
    while !rest.isEmpty {
      let count = Int.random(in: 1...rest.count, using: &random)
      hash = rest.prefix(count).withUnsafeBytes { hash.read($0) }
      rest = rest.dropFirst(count)
    }
    let whole = SHA256.hash(data: key + Array(repeating: 0, count: 64 - key.count) + message)
    #expect(withUnsafeBytes(of: hash.code) { Array($0) } == Array(whole.prefix(16)))
    // What others go on from has read nothing more.
    let nothing = SHA256.hash(data: key + Array(repeating: 0, count: 64 - key.count))
    #expect(withUnsafeBytes(of: start.code) { Array($0) } == Array(nothing.prefix(16)))
  }
}
