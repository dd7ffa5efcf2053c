import Domain
import Testing

@Suite("Numbers that go over the wire")
struct WireNumberTests {
  @Test("a miner's states keep their numbers")
  func states() {
    let states: [MinerState] = [.active, .busy, .draining, .maintenance, .offline]
    #expect(states.map(\.code) == [0, 1, 2, 3, 4])
    #expect((0...255).compactMap { MinerState(code: $0) } == states)
    #expect(states.map(\.rawValue) == ["active", "busy", "draining", "maintenance", "offline"])
  }

  @Test("protocols keep their numbers")
  func protocols() {
    let protocols: [MinerProtocol] = [.http, .https, .grpc, .grpcs, .ws, .wss]
    #expect(protocols.map(\.code) == [0, 1, 2, 3, 4, 5])
    #expect((0...255).compactMap { MinerProtocol(code: $0) } == protocols)
    #expect(protocols.map(\.rawValue) == ["http", "https", "grpc", "grpcs", "ws", "wss"])
  }

  @Test("outcomes keep their numbers")
  func outcomes() {
    let outcomes: [Outcome] = [.accepted, .rejected, .failed, .completed]
    #expect(outcomes.map(\.code) == [0, 1, 2, 3])
    #expect((0...255).compactMap { Outcome(code: $0) } == outcomes)
    #expect(outcomes.map(\.rawValue) == ["accepted", "rejected", "failed", "completed"])
  }

  @Test("the reasons of rejection stand in the order of the filters")
  func reasons() {
    #expect(
      RejectionReason.allCases.map(\.name) == [
        "offline", "region", "accel", "vram", "ram", "capability", "tag", "service", "price",
        "trust", "full",
      ])
    #expect(RejectionReason.allCases.map(\.rawValue) == Array(0..<11))
  }

  @Test("every change names its miner")
  func minerOfChange() throws {
    let id = try #require(MinerID("m"))
    let moment = Timestamp(milliseconds: 1)
    let changes: [Change] = [
      .record(MinerRecord(id: id, version: 1, profile: MinerProfile())), .trust(id, .none),
      .status(id, StatusPatch(at: moment, leaseMilliseconds: 1)), .revoked(id, notBefore: moment),
      .connected(id, gateway: "g", at: moment),
    ]
    #expect(changes.allSatisfy { $0.minerID == id })
  }

  @Test("a price override is in force until the moment at which it expires")
  func overrides() {
    let end = Timestamp(milliseconds: 100)
    let override = PriceOverride(price: .zero, reason: "r", expiresAt: end)
    #expect(override.isInForce(at: Timestamp(milliseconds: 99)))
    #expect(!override.isInForce(at: end))
    let lasting = PriceOverride(price: .zero, reason: "r", expiresAt: nil)
    #expect(lasting.isInForce(at: Timestamp(milliseconds: .max)))
  }

  @Test("the standard weights are the contract's and add up to one")
  func weights() {
    #expect(abs(Weights.standard.sum - 1) < 1e-12)
    #expect(Weights.standard.cap == 0.40)
  }
}
