/// A statement that is sent together with others.
package struct PostgresStatement: Sendable {
  package var sql: String
  package var parameters: [PostgresValue]

  package init(_ sql: String, _ parameters: [PostgresValue] = []) {
    self.sql = sql
    self.parameters = parameters
  }

  static let begin = PostgresStatement("BEGIN")
  static let commit = PostgresStatement("COMMIT")

  /// The transaction's end doesn't wait for the disk, nor keep it busy while others wait for it: should the server
  /// die within a second, what was written may be gone. For what can be found again elsewhere.
  package static let withoutSync = PostgresStatement(
    "SELECT set_config('synchronous_commit', 'off', true)")

  /// Has everything of the transaction looked up by its keys. A prepared statement's plan is kept: one that was made
  /// while the tables were small would read them whole, with each row held against all that is asked for, long after
  /// they have grown.
  package static let byKeys = PostgresStatement(
    """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
      set_config('enable_mergejoin', 'off', true)
    """)
}

/// Parameters as libpq takes them: a pointer, a length and a format for each.
struct EncodedParameters {
  private var buffer: [UInt8] = []
  /// Where each starts in the buffer; nil: NULL.
  private var offsets: [Int?] = []
  private var lengths: [Int32] = []

  init(_ parameters: [PostgresValue]) {
    for parameter in parameters {
      let start = buffer.count
      offsets.append(parameter.encode(into: &buffer) ? start : nil)
      lengths.append(Int32(buffer.count - start))
    }
    // Never empty, so that an empty text still has an address: libpq takes none for NULL.
    buffer.append(0)
  }

  func withPointers<Value>(
    _ body: ([UnsafePointer<CChar>?], [Int32], [Int32]) -> Value
  ) -> Value {
    buffer.withUnsafeBytes { bytes in
      let start = bytes.assumingMemoryBound(to: CChar.self).baseAddress!
      let binary = [Int32](repeating: 1, count: offsets.count)
      return body(offsets.map { $0.map { start + $0 } }, lengths, binary)
    }
  }
}
