import TestSupport
import Testing

/// Tests that start, stop and kill real processes. One after the other: each has a whole hub of its
/// own, and what they wait for should not have to wait for another hub's load.
@Suite("The running processes", .serialized) enum RunningProcesses {}

/// One hub for all tests of a suite, which run one after the other and clean up behind themselves.
struct HubTrait: SuiteTrait, TestScoping {
  @TaskLocal fileprivate static var current: RunningHub?

  var gateways: Int
  var scorers: Int
  var set: [String: String]

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await RunningHub.with(gateways: gateways, scorers: scorers, set: set) { hub in
      try await Self.$current.withValue(hub) { try await function() }
    }
  }
}

extension Trait where Self == HubTrait {
  static func hub(
    gateways: Int = 1, scorers: Int = 1, set: [String: String] = [:]
  ) -> HubTrait {
    HubTrait(gateways: gateways, scorers: scorers, set: set)
  }
}

/// The hub of the suite that the running test belongs to.
func suiteHub() throws -> RunningHub { try #require(HubTrait.current) }
