/// A statement that is sent together with others.
package struct PostgresStatement: Sendable {
  package var sql: String
  package var parameters: [PostgresValue]

  package init(_ sql: String, _ parameters: [PostgresValue] = []) {
    self.sql = sql
    self.parameters = parameters
  }
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
