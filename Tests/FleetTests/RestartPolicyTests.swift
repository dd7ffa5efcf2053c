import Fleet
import Testing

@Suite("How long to wait before a child is started again")
struct RestartPolicyTests {
  @Test("The pause doubles while a child keeps ending early, up to a limit")
  func doubles() {
    var policy = RestartPolicy(
      firstDelay: .milliseconds(100), longestDelay: .seconds(1), healthyAfter: .seconds(10))
    let delays = (0..<6).map { _ in policy.delay(afterRunOf: .zero) }
    #expect(delays == [100, 200, 400, 800, 1_000, 1_000].map { .milliseconds($0) })
  }

  @Test("A long run takes the pause back to the first")
  func longRunResets() {
    var policy = RestartPolicy()
    for _ in 0..<5 { _ = policy.delay(afterRunOf: .seconds(1)) }
    #expect(policy.delay(afterRunOf: policy.healthyAfter) == policy.firstDelay)
    #expect(policy.delay(afterRunOf: .seconds(1)) == policy.firstDelay * 2)
  }

  @Test("However often a child ends, the pause never passes the limit")
  func neverOverflows() {
    var policy = RestartPolicy()
    for _ in 0..<10_000 {
      #expect(policy.delay(afterRunOf: .zero) <= policy.longestDelay)
    }
  }
}
