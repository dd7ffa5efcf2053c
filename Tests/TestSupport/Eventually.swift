import Testing

/// Waits until `condition` holds, looking every few milliseconds.
///
/// - Parameter timeout: what no healthy machine needs; reaching it fails the test.
package func eventually(
  _ what: Comment, within timeout: Duration = .seconds(20),
  sourceLocation: SourceLocation = #_sourceLocation,
  _ condition: () async throws -> Bool
) async rethrows {
  let end = ContinuousClock.now + timeout
  while ContinuousClock.now < end {
    if try await condition() { return }
    try? await Task.sleep(for: .milliseconds(20))
  }
  Issue.record("never came: \(what.rawValue)", sourceLocation: sourceLocation)
}
