import Domain
import GatewayPolicy
import Testing

@Suite("Offers")
struct OfferTests {
  /// What a match promised.
  private struct Terms {
    var coordinator = "main"
    var jobID = "job-1"
    var minerID = MinerID("miner-1")!
    var price = Price(units: 14_400_000)
    var madeAt = OfferTests.now
  }

  private static let now = Timestamp(milliseconds: 1_750_000_000_123)
  private static let old = (id: "k1", secret: [UInt8](repeating: 1, count: 32))
  private static let new = (id: "k2", secret: [UInt8](repeating: 2, count: 32))
  private let offers = Offers(secrets: [Self.old], lifetimeSeconds: 60)

  private static let terms = Terms()

  /// The offers to a match's candidates; those before the last are others'.
  private func make(_ terms: Terms, by offers: Offers? = nil, places: Int = 1) -> [String] {
    let names = (1..<places).map { "other-\($0)" } + [terms.minerID.text]
    let texts = names.map { #"{"miner_id":"\#($0)","addr":"10.0.0.1""# }
    let answer = WrittenAnswer(
      candidates: zip(names, texts).map { name, text in
        WrittenAnswer.Candidate(
          price: terms.price, minerIDByteCount: name.utf8.count, byteCount: text.utf8.count)
      },
      // Behind another answer, as in a batch.
      text: Array((texts[0] + texts.joined() + #""explain":"""#).utf8)
        .dropFirst(texts[0].utf8.count), counts: nil)
    let made = (offers ?? self.offers).make(
      for: answer!, coordinator: terms.coordinator, jobID: terms.jobID, at: terms.madeAt)
    let size = made.count / places
    return (0..<places).map { String(decoding: made[$0 * size..<($0 + 1) * size], as: UTF8.self) }
  }

  private func make(_ terms: Terms, by offers: Offers? = nil) -> String {
    make(terms, by: offers, places: 1)[0]
  }

  private func check(
    _ text: String, by offers: Offers? = nil, as terms: Terms = terms, at time: Timestamp = now
  ) -> Result<ProvenOffer, Offers.Fault> {
    Result { () throws(Offers.Fault) in
      try (offers ?? self.offers).check(
        text, coordinator: terms.coordinator, jobID: terms.jobID, minerID: terms.minerID, at: time)
    }
  }

  @Test("what was made is found good, and says its price and time")
  func good() {
    let text = make(Self.terms)
    #expect(text.hasPrefix("pho1.k1.") && text.utf8.count == 51)
    let proven = ProvenOffer(madeAt: Self.now, price: Price(units: 14_400_000))
    #expect(check(text) == .success(proven))
  }

  @Test("it is the same text on every gateway, and a pinned one")
  func pinned() {
    #expect(
      make(Self.terms)
        == make(Self.terms, by: Offers(secrets: [Self.old], lifetimeSeconds: 5)))
    #expect(make(Self.terms) == Self.pinned)
  }

  @Test("each candidate has its own, and it is the one it would have had alone")
  func several() {
    let made = make(Self.terms, places: 3)
    #expect(Set(made).count == 3)
    #expect(made[2] == make(Self.terms))
    var second = Self.terms
    second.minerID = MinerID("other-2")!
    #expect((try? check(made[1], as: second).get()) != nil)
    #expect(check(made[1]) == .failure(.notOfThisMatch))
  }

  @Test("it fits no other coordinator, job or miner")
  func others() {
    let text = make(Self.terms)
    for change in [
      { $0.coordinator = "mai" }, { $0.coordinator = "other" }, { $0.jobID = "job-2" },
      { $0.minerID = MinerID("miner-2")! },
      // The same letters in a row, cut at another place.
      {
        $0.coordinator = "mainj"
        $0.jobID = "ob-1"
      },
    ] as [(inout Terms) -> Void] {
      var terms = Self.terms
      change(&terms)
      #expect(check(text, as: terms) == .failure(.notOfThisMatch))
    }
  }

  @Test("a letter changed anywhere spoils it")
  func changed() {
    let text = Array(make(Self.terms).utf8)
    for place in text.indices {
      var other = text
      other[place] = other[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      let result = check(String(decoding: other, as: UTF8.self))
      #expect((try? result.get()) == nil, "place \(place)")
    }
  }

  @Test("it ends with its time", arguments: [(59_999, true), (60_000, false), (-5_000, true)])
  func ends(age: Int64, isGood: Bool) {
    let result = check(
      make(Self.terms), at: Self.now.advanced(byMilliseconds: age))
    #expect(((try? result.get()) != nil) == isGood)
    if !isGood { #expect(result == .failure(.expired)) }
  }

  @Test("a new key makes offers while an old one still checks, then doesn't")
  func rotation() {
    let text = make(Self.terms)
    let both = Offers(secrets: [Self.new, Self.old], lifetimeSeconds: 60)
    #expect((try? check(text, by: both).get()) != nil)
    #expect(make(Self.terms, by: both).hasPrefix("pho1.k2."))
    let newer = Offers(secrets: [Self.new], lifetimeSeconds: 60)
    #expect(check(text, by: newer) == .failure(.unknownKey))
    // The same name with another secret.
    let other = Offers(secrets: [("k1", Self.new.secret)], lifetimeSeconds: 60)
    #expect(check(text, by: other) == .failure(.notOfThisMatch))
  }

  @Test(
    "what is no offer is none",
    arguments: [
      "", ".", "..", "pho1", "pho1.k1", "pho1.k1.", "pho1.k1.AAAA", "pho2.k1." + ok,
      "pho1.k1." + ok + "A",
      "pho1.k1." + ok + ".", "pho1.k1." + ok.dropLast() + "B", "pho1.k1." + ok.dropLast() + "=",
      "pho1.k1.é" + ok, String(repeating: "a", count: 129),
    ])
  func malformed(text: String) {
    #expect(check(text) == .failure(.malformed))
  }

  private static let ok = String(repeating: "A", count: 43)
  /// Made by a few lines of Python, so that another program could check it too.
  private static let pinned = "pho1.k1.e9wgdJcBAAAAutsAAAAAAPAXZnL7F0isH0yd0MM8ASc"
}
