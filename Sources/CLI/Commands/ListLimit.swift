import ArgumentParser

/// How much of a listing is shown.
struct ListLimit: ParsableArguments {
  @Option(help: "At most so many; 0 for all of them.")
  var limit = 50

  func validate() throws {
    guard limit >= 0 else { throw ValidationError("--limit must be 0 or more") }
  }

  /// Whether there is room for one more.
  func isOpen(after shown: Int) -> Bool { limit == 0 || shown < limit }
}
