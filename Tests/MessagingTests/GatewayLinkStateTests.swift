import Domain
import Testing
import Wire

@testable import Messaging

@Suite("A scorer's link to a gateway")
struct GatewayLinkStateTests {
  private static let hello = Hello(scorerID: "s", minVersion: 1, maxVersion: 2)
  private let welcome = Message.welcome(Welcome(gatewayID: "g", version: 2))

  /// Milliseconds in, milliseconds out.
  private func ms(_ milliseconds: Int64) -> Int64 { milliseconds * 1_000 }

  private func welcomed(at now: Int64) -> GatewayLinkState {
    var link = GatewayLinkState(hello: Self.hello)
    _ = link.tick(now: now)
    _ = link.heard(welcome, requestID: 0, now: now)
    return link
  }

  @Test("greets every 100 ms until it is welcomed")
  func greets() {
    var link = GatewayLinkState(hello: Self.hello)
    #expect(link.tick(now: ms(0)) == [.greet(Self.hello)])
    #expect(link.tick(now: ms(99)) == [])
    #expect(link.nextTickMicroseconds == ms(100))
    #expect(link.tick(now: ms(100)) == [.greet(Self.hello)])
    #expect(!link.isWelcomed)
    #expect(link.version == 1)
  }

  @Test("once welcomed it beats, at once and every 100 ms, in the version agreed")
  func beats() {
    var link = GatewayLinkState(hello: Self.hello)
    _ = link.tick(now: ms(0))
    #expect(
      link.heard(welcome, requestID: 0, now: ms(1)) == .welcomed(gatewayID: "g", version: 2))
    #expect(link.version == 2)
    #expect(link.tick(now: ms(1)) == [.beat])
    #expect(link.tick(now: ms(100)) == [])
    #expect(link.tick(now: ms(101)) == [.beat])
    link.beatSoon()
    #expect(link.tick(now: ms(102)) == [.beat])
  }

  @Test("a second welcome is no news")
  func welcomedTwice() {
    var link = welcomed(at: 0)
    #expect(link.heard(welcome, requestID: 0, now: ms(5)) == nil)
  }

  @Test("a gateway silent for 600 ms is greeted anew")
  func silence() {
    var link = welcomed(at: 0)
    _ = link.heard(.beat(Beat()), requestID: 0, now: ms(50))
    #expect(link.tick(now: ms(649)) == [.beat])
    #expect(
      link.tick(now: ms(650)) == [.report(.silent(gatewayID: "g")), .greet(Self.hello)])
    #expect(!link.isWelcomed)
  }

  @Test("a gateway that doesn't know the connection is greeted at once")
  func forgotten() {
    var link = welcomed(at: 0)
    let answer = Message.failure(Failure(.notReady))
    #expect(link.heard(answer, requestID: 0, now: ms(10)) == .forgotten)
    #expect(link.tick(now: ms(10)) == [.greet(Self.hello)])
  }

  @Test("with no version in common it says so once and greets slowly")
  func mismatch() {
    var link = GatewayLinkState(hello: Self.hello)
    _ = link.tick(now: 0)
    let refusal = Message.failure(Failure(.badRequest))
    #expect(link.heard(refusal, requestID: 0, now: ms(1)) == .versionMismatch)
    #expect(link.tick(now: ms(1_000)) == [])
    #expect(link.tick(now: ms(5_001)) == [.greet(Self.hello)])
    #expect(link.heard(refusal, requestID: 0, now: ms(5_002)) == nil)
    #expect(
      link.heard(welcome, requestID: 0, now: ms(5_003)) == .welcomed(gatewayID: "g", version: 2))
  }

  @Test("a welcome in a version that it never offered is a mismatch")
  func wrongWelcome() {
    var link = GatewayLinkState(hello: Self.hello)
    let wrong = Message.welcome(Welcome(gatewayID: "g", version: 3))
    #expect(link.heard(wrong, requestID: 0, now: 0) == .versionMismatch)
  }

  @Test("it has left once the gateway says so too, is silent, or never knew it")
  func left() {
    let hello = Hello(scorerID: "s", minVersion: 1, maxVersion: 3)
    func leaving(version: UInt8) -> GatewayLinkState {
      var link = GatewayLinkState(hello: hello)
      _ = link.heard(
        .welcome(Welcome(gatewayID: "g", version: version)), requestID: 0, now: ms(0))
      #expect(!link.hasLeft(now: ms(0)))
      _ = link.leave()
      return link
    }
    var link = leaving(version: 3)
    #expect(!link.hasLeft(now: ms(500)))
    #expect(link.hasLeft(now: ms(600)))
    _ = link.heard(.goodbye, requestID: 0, now: ms(10))
    #expect(link.hasLeft(now: ms(10)))
    // Before version 3 gateways said nothing.
    #expect(leaving(version: 2).hasLeft(now: ms(0)))
    var stranger = GatewayLinkState(hello: hello)
    _ = stranger.leave()
    #expect(stranger.hasLeft(now: ms(0)))
  }

  @Test("after goodbye it beats on and greets nobody")
  func leaving() {
    var link = welcomed(at: 0)
    let first = link.leave()
    let second = link.leave()
    #expect(first && !second)
    #expect(link.tick(now: ms(0)) == [.beat])
    #expect(link.tick(now: ms(5_000)) == [.beat])
    #expect(link.heard(.failure(Failure(.notReady)), requestID: 0, now: ms(5_001)) == nil)
    #expect(link.phase == .leaving)
    var stranger = GatewayLinkState(hello: Self.hello)
    let isKnown = stranger.leave()
    #expect(!isKnown)
  }
}

@Suite("Frames and mailboxes")
struct FrameTests {
  private let record = Record(requestID: 1, message: .goodbye)

  @Test("a frame is full at half the records that it may have")
  func recordLimit() throws {
    let batch = FrameBatch()
    var added = 0
    while !batch.isFull && added < 100 { added += batch.append(record) ? 1 : 0 }
    #expect(added == Record.batchLimit / 2)
    #expect(batch.requestIDs.count == added)
    #expect(try RecordCodec.decodeAll(batch.bytes).count == added)
    batch.removeAll()
    #expect(batch.isEmpty && batch.bytes.isEmpty)
    #expect(batch.append(record))
    #expect(try RecordCodec.decodeAll(batch.bytes) == [record])
  }

  @Test("a frame is full at 128 KiB, and a record too long is refused")
  func byteLimit() {
    var query = MatchQuery(jobID: "x")
    query.tagsAny = [String](repeating: String(repeating: "y", count: 1_000), count: 100)
    let batch = FrameBatch()
    var added = 0
    while !batch.isFull && added < 100 {
      added += batch.append(Record(message: .matchRequest(query))) ? 1 : 0
    }
    #expect(added == 2)
    let before = batch.bytes
    query.tagsAll = [String](repeating: String(repeating: "y", count: 60_000), count: 600)
    let isTaken = batch.append(Record(message: .matchRequest(query)))
    let isAsBefore = batch.bytes == before
    #expect(!isTaken && isAsBefore)
  }

  @Test("a mailbox refuses past its limit, unless it is urgent, and after it is closed")
  func mailbox() {
    let mailbox = Mailbox<Int>(limit: 2)
    #expect(mailbox.post(1) == .posted)
    #expect(mailbox.post(2) == .posted)
    #expect(mailbox.post(3) == .full)
    #expect(mailbox.post(4, isUrgent: true) == .posted)
    #expect(!mailbox.prepareToSleep())
    var taken: [Int] = []
    mailbox.takeAll(into: &taken)
    #expect(taken == [1, 2, 4])
    #expect(mailbox.prepareToSleep())
    #expect(mailbox.post(5) == .posted)
    #expect(mailbox.close() == [5])
    #expect(mailbox.post(6, isUrgent: true) == .closed)
  }

  @Test("identities are unique, and fit")
  func identities() {
    var generator = SystemRandomNumberGenerator()
    let long = String(repeating: "n", count: 400)
    let one = PeerIdentity.unique(name: long, using: &generator)
    #expect(one.bytes.count == PeerIdentity.byteLimit)
    #expect(one != PeerIdentity.unique(name: long, using: &generator))
  }
}
