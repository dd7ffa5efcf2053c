import Domain

/// How far a reader has come in a stream, and whether it may go on from there. Pure.
struct StreamPlace: Equatable {
  /// The server's run id when this place was noted; nil when it isn't told.
  let runID: String?
  /// The last entry read, or the one noted as the stream's end.
  var last: StreamID

  /// A server that was restarted may have lost the end of the stream and have written another one.
  func holds(runID: String?) -> Bool { runID != nil && runID == self.runID }

  /// Whether no entry after `last` can have been missed, judged by the stream's ends as they were after
  /// the entries behind `last` were read; nil for a stream with no entry.
  func holds(ends: (first: StreamID, last: StreamID)?) -> Bool {
    guard let ends else { return false }
    // Trimmed past us, or begun anew. The latter may show at the end alone, if the clock went back.
    return ends.first <= last && last <= ends.last
  }
}
