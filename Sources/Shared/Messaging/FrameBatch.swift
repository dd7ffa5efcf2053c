import Wire

/// Records for one peer on their way into one frame. Whoever sends a frame keeps this for the next: its memory has
/// grown to what that peer is told.
final class FrameBatch {
  /// A frame is closed once it holds so many records, so that the other side begins with them while this one goes
  /// on; fewer would cost more in waking threads than they save in waiting.
  static let softLimitRecords = Record.batchLimit / 2
  /// Or so many bytes, though it may hold few records.
  static let softLimitBytes = 128 * 1024
  /// No record is longer: the longest there can be answers a batch, 256 times 50 candidates of less than 2 KB
  /// each. So no message is longer than both together.
  static let recordLimitBytes = 32 * 1024 * 1024
  /// What the receiving side lets in.
  static let messageLimitBytes = Int64(softLimitBytes + recordLimitBytes)

  private var writer = ByteWriter(capacity: 4096)
  /// Of the records inside, for whoever has to be told that they weren't sent.
  private(set) var requestIDs: [UInt64] = []

  var isEmpty: Bool { requestIDs.isEmpty }
  var isFull: Bool {
    requestIDs.count == Self.softLimitRecords || writer.count >= Self.softLimitBytes
  }

  /// - Returns: false when the record is longer than any may be; then nothing is added.
  func append(_ record: Record) -> Bool {
    let start = writer.count
    RecordCodec.append(record, to: &writer)
    if writer.count - start > Self.recordLimitBytes {
      writer.truncate(to: start)
      return false
    }
    requestIDs.append(record.requestID)
    return true
  }

  /// The frame as it is to be sent.
  func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try writer.withUnsafeBytes(body)
  }

  func removeAll() {
    writer.truncate(to: 0)
    requestIDs.removeAll(keepingCapacity: true)
  }
}
