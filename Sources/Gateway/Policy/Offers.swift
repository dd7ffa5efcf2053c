import Crypto
import Domain

/// Makes and checks candidates' offers with no look-up: `pho1.KEY.TEXT`, where the text is base64url of
/// time (i64 ms), price (i64 of 10⁻⁸) and the first 16 bytes of a keyed hash over the terms (`MatchKey`).
///
/// Who sends an offer back has been given it: nobody else can make one, and none fits another
/// coordinator, job or miner than its own.
package struct Offers: Sendable {
  package enum Fault: Error, Equatable { case malformed, unknownKey, notOfThisMatch, expired }

  package static let prefix = "pho1."
  /// Longer than any that is made.
  package static let textByteLimit = 128
  private static let macByteCount = 16
  private static let numberByteCount = 16
  private static let byteCount = numberByteCount + macByteCount

  private struct Key: Sendable {
    var id: String
    var mac: KeyedHash
    /// What stands before each offer's text.
    var start: [UInt8]
  }

  private let keys: [Key]
  private let lifetimeMilliseconds: Int64

  /// - Parameter secrets: the first makes offers, all check them; at least one.
  package init(secrets: [(id: String, secret: [UInt8])], lifetimeSeconds: Int) {
    precondition(!secrets.isEmpty, "a gateway has at least one key for offers")
    keys = secrets.map { id, secret in
      // A key of its own, so that a secret may serve for something else too.
      let mac = HKDF<SHA256>.deriveKey(
        inputKeyMaterial: SymmetricKey(data: secret), info: Array("poolhub offers 1".utf8),
        outputByteCount: 32)
      return Key(id: id, mac: KeyedHash(key: mac), start: Array("\(Self.prefix)\(id).".utf8))
    }
    lifetimeMilliseconds = Int64(lifetimeSeconds) * 1_000
  }

  /// - Returns: the candidates' offers one after another, all of one length.
  package func make(
    for answer: WrittenAnswer, coordinator: String, jobID: String, at now: Timestamp
  ) -> [UInt8] {
    let key = keys[0]
    let size = key.start.count + Base64URL.letterCount(of: Self.byteCount)
    let match = MatchKey(coordinator: coordinator, jobID: jobID, madeAt: now, by: key.mac)
    return Array(unsafeUninitializedCapacity: answer.candidates.count * size) { texts, count in
      count = answer.candidates.count * size
      withUnsafeTemporaryAllocation(byteCount: Self.byteCount, alignment: 8) { bytes in
        var (place, text) = (0, 0)
        for candidate in answer.candidates {
          let name = place + WrittenAnswer.minerIDOffset
          let code = match.code(
            minerID: answer.text[name..<name + candidate.minerIDByteCount], price: candidate.price)
          place += candidate.byteCount
          bytes.storeBytes(of: now.milliseconds.littleEndian, as: Int64.self)
          bytes.storeBytes(of: candidate.price.units.littleEndian, toByteOffset: 8, as: Int64.self)
          code.withUnsafeBytes {
            bytes[Self.numberByteCount...].copyBytes(from: $0.prefix(Self.macByteCount))
          }
          let offer = UnsafeMutableBufferPointer(rebasing: texts[text..<text + size])
          let start = offer.initialize(fromContentsOf: key.start)
          Base64URL.encode(
            UnsafeRawBufferPointer(bytes),
            to: UnsafeMutableBufferPointer(rebasing: offer[start...]))
          text += size
        }
      }
    }
  }

  /// - Returns: what the offer says, if it is one to this coordinator, for this job, of this miner.
  package func check(
    _ text: String, coordinator: String, jobID: String, minerID: MinerID, at now: Timestamp
  ) throws(Fault) -> ProvenOffer {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard text.utf8.count <= Self.textByteLimit, parts.count == 3, parts[0] + "." == Self.prefix,
      let bytes = Base64URL.decode(parts[2].utf8),
      bytes.count == Self.byteCount
    else { throw .malformed }
    guard let key = keys.first(where: { $0.id == parts[1] }) else { throw .unknownKey }
    let madeAt = Timestamp(milliseconds: Int64(bitPattern: Self.number(bytes[0..<8])))
    let price = Price(units: Int64(bitPattern: Self.number(bytes[8..<16])))
    let match = MatchKey(coordinator: coordinator, jobID: jobID, madeAt: madeAt, by: key.mac)
    let code = match.code(minerID: Array(minerID.text.utf8)[...], price: price)
    // Whatever the bytes are, this takes the same time.
    let isOurs = code.withUnsafeBytes { code in
      var difference: UInt8 = 0
      for place in 0..<Self.macByteCount {
        difference |= code[place] ^ bytes[Self.numberByteCount + place]
      }
      return difference == 0
    }
    guard isOurs else { throw .notOfThisMatch }
    guard now.milliseconds(since: madeAt) < lifetimeMilliseconds else { throw .expired }
    return ProvenOffer(madeAt: madeAt, price: price)
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}

extension Offers {
  /// Makes the codes of one match's candidates, with a key of its own: an HMAC over the match's time, coordinator
  /// and job, with their lengths before them, so that no two matches are one message.
  ///
  /// A candidate's code is one hash that begins with this key, of which an offer tells half. From half a hash
  /// nobody can go on to that of a longer message, so it needs no second one, as an HMAC does. Source: AMAC in
  /// Bellare, Bernstein, Tessaro, "Hash-Function Based PRFs: AMAC and Its Multi-User Security", EUROCRYPT 2016.
  private struct MatchKey {
    private static let blockByteCount = 64

    /// Has read the key, as one whole block.
    private let start: SHA256

    init(coordinator: String, jobID: String, madeAt: Timestamp, by mac: KeyedHash) {
      var message: [UInt8] = []
      message.reserveCapacity(160)
      func append(_ number: Int64) {
        withUnsafeBytes(of: number.littleEndian) { message.append(contentsOf: $0) }
      }
      append(madeAt.milliseconds)
      for text in [coordinator, jobID] {
        append(Int64(text.utf8.count))
        message.append(contentsOf: text.utf8)
      }
      let key = message.withUnsafeBytes { mac.code(of: $0) }
      start = withUnsafeTemporaryAllocation(byteCount: Self.blockByteCount, alignment: 1) { block in
        block.initializeMemory(as: UInt8.self, repeating: 0)
        key.withUnsafeBytes { block.copyBytes(from: $0) }
        var hash = SHA256()
        hash.update(bufferPointer: UnsafeRawBufferPointer(block))
        return hash
      }
    }

    /// - Returns: 32 bytes, of which half at most may be told.
    func code(minerID: ArraySlice<UInt8>, price: Price) -> SHA256Digest {
      withUnsafeTemporaryAllocation(byteCount: 8 + minerID.count, alignment: 8) { message in
        message.storeBytes(of: price.units.littleEndian, as: Int64.self)
        minerID.withUnsafeBytes { message[8...].copyBytes(from: $0) }
        var hash = start
        hash.update(bufferPointer: UnsafeRawBufferPointer(message))
        return hash.finalize()
      }
    }
  }
}
