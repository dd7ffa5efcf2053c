import Testing

/// Matches and feedback are answered on their connection's event loop, or by the router when anything
/// about the request is unusual. The contract is the same.
enum WayIn: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case direct, routed

  @TaskLocal static var current = WayIn.direct

  /// A query is unusual enough.
  func path(of route: String) -> String { self == .direct ? route : route + "?way=routed" }

  var testDescription: String { rawValue }
}

/// Runs each test of a suite once for each way in.
struct WaysInTrait: SuiteTrait, TestTrait, TestScoping {
  let isRecursive = true

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    for way in WayIn.allCases {
      try await WayIn.$current.withValue(way) { try await function() }
    }
  }
}

extension Trait where Self == WaysInTrait {
  static var bothWaysIn: WaysInTrait { WaysInTrait() }
}
