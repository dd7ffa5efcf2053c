/// A durable change that is not known to be in the stream: a ready-made entry of the stream.
package struct OutboxRow: Equatable, Sendable {
  package let id: Int64
  /// `ChangeCodec.encode` of it.
  package let payload: [UInt8]

  package init(id: Int64, payload: [UInt8]) {
    self.id = id
    self.payload = payload
  }
}

/// Where durable changes wait, written in the transaction that made them, until they are in the stream.
package protocol OutboxStore: Sendable {
  /// At most `limit` rows that were committed longer ago than that, oldest first.
  func leftovers(olderThanMilliseconds: Int, limit: Int) async throws -> [OutboxRow]
  /// Unknown ids are no error: someone else may have been quicker.
  func delete(ids: [Int64]) async throws
}
