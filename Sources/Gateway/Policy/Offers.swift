import Crypto
import Domain

/// What a match promised: this miner, to this coordinator, for this job, at this price and time.
package struct OfferTerms: Equatable, Sendable {
  package var coordinator: String
  package var jobID: String
  package var minerID: MinerID
  package var price: Price
  package var madeAt: Timestamp

  package init(
    coordinator: String, jobID: String, minerID: MinerID, price: Price, madeAt: Timestamp
  ) {
    self.coordinator = coordinator
    self.jobID = jobID
    self.minerID = minerID
    self.price = price
    self.madeAt = madeAt
  }
}

/// Makes and checks candidates' offers with no look-up: `pho1.KEY.TEXT`, where the text is base64url of
/// time (i64 ms), price (i64 of 10⁻⁸) and the first 16 bytes of an HMAC-SHA-256 over the terms.
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
    var start: String
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
      return Key(id: id, mac: KeyedHash(key: mac), start: Self.prefix + id + ".")
    }
    lifetimeMilliseconds = Int64(lifetimeSeconds) * 1_000
  }

  package func make(_ terms: OfferTerms) -> String {
    let code = Self.code(of: terms, keys[0].mac)
    return withUnsafeTemporaryAllocation(byteCount: Self.byteCount, alignment: 8) { bytes in
      bytes.storeBytes(of: terms.madeAt.milliseconds.littleEndian, as: Int64.self)
      bytes.storeBytes(of: terms.price.units.littleEndian, toByteOffset: 8, as: Int64.self)
      code.withUnsafeBytes {
        bytes[Self.numberByteCount...].copyBytes(from: $0.prefix(Self.macByteCount))
      }
      return Base64URL.encode(UnsafeRawBufferPointer(bytes), after: keys[0].start)
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
    let terms = OfferTerms(
      coordinator: coordinator, jobID: jobID, minerID: minerID,
      price: Price(units: Int64(bitPattern: Self.number(bytes[8..<16]))),
      madeAt: Timestamp(milliseconds: Int64(bitPattern: Self.number(bytes[0..<8]))))
    // Whatever the bytes are, this takes the same time.
    let isOurs = Self.code(of: terms, key.mac).withUnsafeBytes { code in
      var difference: UInt8 = 0
      for place in 0..<Self.macByteCount {
        difference |= code[place] ^ bytes[Self.numberByteCount + place]
      }
      return difference == 0
    }
    guard isOurs else { throw .notOfThisMatch }
    guard now.milliseconds(since: terms.madeAt) < lifetimeMilliseconds else { throw .expired }
    return ProvenOffer(madeAt: terms.madeAt, price: terms.price)
  }

  private static func code(
    of terms: OfferTerms, _ keyed: KeyedHash
  ) -> SHA256Digest {
    let count =
      numberByteCount + 3 * 8 + terms.coordinator.utf8.count + terms.jobID.utf8.count
      + terms.minerID.text.utf8.count
    return withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { message in
      message.storeBytes(of: terms.madeAt.milliseconds.littleEndian, as: Int64.self)
      message.storeBytes(of: terms.price.units.littleEndian, toByteOffset: 8, as: Int64.self)
      var place = numberByteCount
      // With lengths before them, so that no two terms are one message.
      func add(_ text: String) {
        let size = text.utf8.count
        message.storeBytes(of: Int64(size).littleEndian, toByteOffset: place, as: Int64.self)
        text.utf8.span.withUnsafeBytes { message[(place + 8)...].copyBytes(from: $0) }
        place += 8 + size
      }
      add(terms.coordinator)
      add(terms.jobID)
      add(terms.minerID.text)
      return keyed.code(of: UnsafeRawBufferPointer(message))
    }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
