import Crypto
import Domain

/// Makes and checks candidates' offers with no look-up: `pho1.KEY.TEXT`, where the text is base64url of
/// time (i64 ms), price (i64 of 10⁻⁸) and half of a keyed hash over the terms (`KeyedHash`).
///
/// Who sends an offer back has been given it: nobody else can make one, and none fits another
/// coordinator, job or miner than its own.
package struct Offers: Sendable {
  package enum Fault: Error, Equatable { case malformed, unknownKey, notOfThisMatch, expired }

  package static let prefix = "pho1."
  /// Longer than any that is made.
  package static let textByteLimit = 128
  private static let numberByteCount = 16
  private static let byteCount = numberByteCount + MemoryLayout<KeyedHash.Code>.size

  private struct Key: Sendable {
    var id: String
    var hash: KeyedHash
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
      let key = HKDF<SHA256>.deriveKey(
        inputKeyMaterial: SymmetricKey(data: secret), info: Array("poolhub offers 1".utf8),
        outputByteCount: 32)
      return Key(id: id, hash: KeyedHash(key: key), start: Array("\(Self.prefix)\(id).".utf8))
    }
    lifetimeMilliseconds = Int64(lifetimeSeconds) * 1_000
  }

  /// - Returns: the candidates' offers one after another, all of one length.
  package func make(
    for answer: WrittenAnswer, coordinator: String, jobID: String, at now: Timestamp
  ) -> [UInt8] {
    let key = keys[0]
    let size = key.start.count + Base64URL.letterCount(of: Self.byteCount)
    let match = Self.hash(coordinator: coordinator, jobID: jobID, madeAt: now, under: key)
    return Array(unsafeUninitializedCapacity: answer.candidates.count * size) { texts, count in
      count = answer.candidates.count * size
      withUnsafeTemporaryAllocation(byteCount: Self.byteCount, alignment: 8) { bytes in
        var (place, text) = (answer.text.startIndex, 0)
        for candidate in answer.candidates {
          let name = place + WrittenAnswer.minerIDOffset
          let code = Self.code(
            minerID: answer.text[name..<name + candidate.minerIDByteCount],
            price: candidate.price, of: match)
          place += candidate.byteCount
          bytes.storeBytes(of: now.milliseconds.littleEndian, as: Int64.self)
          bytes.storeBytes(of: candidate.price.units.littleEndian, toByteOffset: 8, as: Int64.self)
          bytes.storeBytes(of: code, toByteOffset: Self.numberByteCount, as: KeyedHash.Code.self)
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
    let match = Self.hash(coordinator: coordinator, jobID: jobID, madeAt: madeAt, under: key)
    let code = Self.code(minerID: Array(minerID.text.utf8)[...], price: price, of: match)
    // Whatever the bytes are, this takes the same time.
    let isOurs = withUnsafeBytes(of: code) { code in
      var difference: UInt8 = 0
      for place in code.indices { difference |= code[place] ^ bytes[Self.numberByteCount + place] }
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
  /// What the codes of all of a match's candidates are made over: its time, coordinator and job, with their
  /// lengths before them, so that no two matches are one message.
  private static func hash(
    coordinator: String, jobID: String, madeAt: Timestamp, under key: Key
  ) -> KeyedHash {
    withUnsafeTemporaryAllocation(
      byteCount: 24 + coordinator.utf8.count + jobID.utf8.count, alignment: 8
    ) { message in
      var place = 0
      func append(_ number: Int64) {
        message.storeBytes(of: number.littleEndian, toByteOffset: place, as: Int64.self)
        place += 8
      }
      append(madeAt.milliseconds)
      for text in [coordinator, jobID] {
        append(Int64(text.utf8.count))
        message[place...].copyBytes(from: text.utf8)
        place += text.utf8.count
      }
      return key.hash.read(UnsafeRawBufferPointer(message))
    }
  }

  /// - Parameter match: has read what all candidates have in common.
  private static func code(
    minerID: ArraySlice<UInt8>, price: Price, of match: KeyedHash
  ) -> KeyedHash.Code {
    withUnsafeTemporaryAllocation(byteCount: 8 + minerID.count, alignment: 8) { message in
      message.storeBytes(of: price.units.littleEndian, as: Int64.self)
      minerID.withUnsafeBytes { message[8...].copyBytes(from: $0) }
      return match.read(UnsafeRawBufferPointer(message)).code
    }
  }
}
