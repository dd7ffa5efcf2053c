import Domain
import GatewayPolicy
import Testing

@Suite("Revoked sessions")
struct RevocationTests {
  static let miner = MinerID("m")!
  static let other = MinerID("n")!

  static func moment(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

  static func session(_ id: MinerID = miner, issued: Int64) -> Session {
    Session(minerID: id, issuedAt: moment(issued), expiresAt: moment(issued + 3_600_000))
  }

  @Test("what was issued up to the moment is void, what came later holds")
  func boundary() {
    let revocations = Revocations()
    #expect(!revocations.isRevoked(Self.session(issued: 100)))
    revocations.revoke(Self.miner, upTo: Self.moment(100))
    #expect(revocations.isRevoked(Self.session(issued: 99)))
    #expect(revocations.isRevoked(Self.session(issued: 100)))
    #expect(!revocations.isRevoked(Self.session(issued: 101)))
    #expect(!revocations.isRevoked(Self.session(Self.other, issued: 1)))
  }

  @Test("revocations may come twice and in any order")
  func order() {
    let revocations = Revocations()
    for milliseconds in [200, 100, 200, 50] as [Int64] {
      revocations.revoke(Self.miner, upTo: Self.moment(milliseconds))
    }
    #expect(revocations.isRevoked(Self.session(issued: 200)))
    #expect(!revocations.isRevoked(Self.session(issued: 201)))
  }

  @Test("a token issued right after a logout is not void at once")
  func firstValid() {
    let revocations = Revocations()
    #expect(revocations.firstValid(for: Self.miner, at: Self.moment(100)) == Self.moment(100))
    revocations.revoke(Self.miner, upTo: Self.moment(100))
    for (now, valid) in [(90, 101), (100, 101), (101, 101), (500, 500)] as [(Int64, Int64)] {
      let issued = revocations.firstValid(for: Self.miner, at: Self.moment(now))
      #expect(issued == Self.moment(valid))
      #expect(!revocations.isRevoked(Self.session(issued: issued.milliseconds)))
    }
  }

  @Test("what is forgotten concerns only tokens that have expired")
  func forgetting() {
    let revocations = Revocations()
    revocations.revoke(Self.miner, upTo: Self.moment(1_000))
    revocations.revoke(Self.other, upTo: Self.moment(2_000))
    revocations.forget(olderThanSeconds: 10, at: Self.moment(10_999))
    #expect(revocations.isRevoked(Self.session(issued: 1_000)), "expires at 11,000")
    revocations.forget(olderThanSeconds: 10, at: Self.moment(11_000))
    #expect(!revocations.isRevoked(Self.session(issued: 1_000)))
    #expect(revocations.isRevoked(Self.session(Self.other, issued: 2_000)))
  }

  @Test("what a store lacks, or knows only an earlier time of, is missing there")
  func missing() {
    let revocations = Revocations()
    revocations.revoke(Self.miner, upTo: Self.moment(100))
    revocations.revoke(Self.other, upTo: Self.moment(200))
    let all = [Self.miner: Self.moment(100), Self.other: Self.moment(200)]
    #expect(revocations.missing(in: [:]) == all)
    #expect(revocations.missing(in: all) == [:])
    let later = [Self.miner: Self.moment(101), Self.other: Self.moment(199)]
    #expect(revocations.missing(in: later) == [Self.other: Self.moment(200)])
  }
}
