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

  private struct Key: Sendable {
    var id: String
    /// With the key in it and nothing else: a copy saves more than half the time of each offer.
    var mac: HMAC<SHA256>
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
      return Key(id: id, mac: HMAC(key: mac), start: Self.prefix + id + ".")
    }
    lifetimeMilliseconds = Int64(lifetimeSeconds) * 1_000
  }

  package func make(_ terms: OfferTerms) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.numberByteCount + Self.macByteCount)
    Self.append(UInt64(bitPattern: terms.madeAt.milliseconds), to: &bytes)
    Self.append(UInt64(bitPattern: terms.price.units), to: &bytes)
    Self.code(of: terms, keys[0].mac).withUnsafeBytes {
      bytes.append(contentsOf: $0.prefix(Self.macByteCount))
    }
    return Base64URL.encode(bytes, after: keys[0].start)
  }

  /// - Returns: what the offer says, if it is one to this coordinator, for this job, of this miner.
  package func check(
    _ text: String, coordinator: String, jobID: String, minerID: MinerID, at now: Timestamp
  ) throws(Fault) -> ProvenOffer {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard text.utf8.count <= Self.textByteLimit, parts.count == 3, parts[0] + "." == Self.prefix,
      let bytes = Base64URL.decode(parts[2].utf8),
      bytes.count == Self.numberByteCount + Self.macByteCount
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
    of terms: OfferTerms, _ keyed: HMAC<SHA256>
  ) -> HMAC<SHA256>.MAC {
    var message: [UInt8] = []
    message.reserveCapacity(192)
    append(UInt64(bitPattern: terms.madeAt.milliseconds), to: &message)
    append(UInt64(bitPattern: terms.price.units), to: &message)
    // With lengths before them, so that no two terms are one message.
    for text in [terms.coordinator, terms.jobID, terms.minerID.text] {
      append(UInt64(text.utf8.count), to: &message)
      message.append(contentsOf: text.utf8)
    }
    var mac = keyed
    message.withUnsafeBytes { mac.update(data: $0) }
    return mac.finalize()
  }

  private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
