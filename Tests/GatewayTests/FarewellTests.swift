import GatewayPolicy
import Testing

@Suite("A gateway's farewell to its miners")
struct FarewellTests {
  @Test(
    "they come back over a time that grows with their number, within half a lease",
    arguments: [
      (0, 60_000, 1_000), (200, 60_000, 1_000), (5_000, 60_000, 5_000), (20_000, 60_000, 20_000),
      (50_000, 60_000, 30_000), (50_000, 300_000, 50_000), (3, 1_000, 1_000),
    ])
  func spread(connections: Int, lease: Int, expected: Int) {
    let spread = Farewell.spreadMilliseconds(connections: connections, leaseMilliseconds: lease)
    #expect(spread == expected)
  }
}
