import Domain

/// A statement's parameter. A nil payload is a NULL of that type.
package enum PostgresValue: Sendable {
  case bool(Bool?)
  case int(Int64?)
  case double(Double?)
  case text(String?)
  case bytes([UInt8]?)
  /// A `timestamptz`.
  case timestamp(Timestamp?)
  case ints([Int64?])
  case doubles([Double?])
  case texts([String?])
  case byteStrings([[UInt8]])
  case timestamps([Timestamp])
  case places([RowPlace])

  /// The type's number in PostgreSQL's catalogue, the same in every installation (`pg_type.dat`).
  var oid: UInt32 {
    switch self {
    case .bool: 16
    case .bytes: 17
    case .int: 20
    case .text: 25
    case .double: 701
    case .timestamp: 1184
    case .byteStrings: 1001
    case .texts: 1009
    case .places: 1010
    case .ints: 1016
    case .doubles: 1022
    case .timestamps: 1185
    }
  }

  /// Appends the value in PostgreSQL's binary format.
  /// - Returns: false for NULL.
  func encode(into buffer: inout [UInt8]) -> Bool {
    switch self {
    case .bool(let value): Self.put(value, &buffer) { $1.append($0 ? 1 : 0) }
    case .int(let value): Self.put(value, &buffer, Self.putInt)
    case .double(let value): Self.put(value, &buffer, Self.putDouble)
    case .text(let value): Self.put(value, &buffer) { $1 += $0.utf8 }
    case .bytes(let value): Self.put(value, &buffer) { $1 += $0 }
    case .timestamp(let value): Self.put(value, &buffer, Self.putTimestamp)
    case .ints(let values): Self.putArray(values, of: 20, &buffer, Self.putInt)
    case .doubles(let values): Self.putArray(values, of: 701, &buffer, Self.putDouble)
    case .texts(let values): Self.putArray(values, of: 25, &buffer) { $1 += $0.utf8 }
    case .byteStrings(let values): Self.putArray(values, of: 17, &buffer) { $1 += $0 }
    case .timestamps(let values): Self.putArray(values, of: 1184, &buffer, Self.putTimestamp)
    case .places(let values): Self.putArray(values, of: 27, &buffer, Self.putPlace)
    }
  }

  private static func put<Value>(
    _ value: Value?, _ buffer: inout [UInt8], _ encode: (Value, inout [UInt8]) -> Void
  ) -> Bool {
    guard let value else { return false }
    encode(value, &buffer)
    return true
  }

  /// An array of one dimension: dimensions, has-nulls flag, element type, length, lower bound, then
  /// each element after its length, −1 standing for NULL (`array_recv` in PostgreSQL's
  /// arrayfuncs.c).
  private static func putArray<Value>(
    _ values: [Value?], of elementOID: Int32, _ buffer: inout [UInt8],
    _ encode: (Value, inout [UInt8]) -> Void
  ) -> Bool {
    putBigEndian(Int32(values.isEmpty ? 0 : 1), &buffer)
    putBigEndian(Int32(values.contains { $0 == nil } ? 1 : 0), &buffer)
    putBigEndian(elementOID, &buffer)
    if values.isEmpty { return true }
    putBigEndian(Int32(values.count), &buffer)
    putBigEndian(Int32(1), &buffer)
    for value in values {
      let start = buffer.count
      putBigEndian(Int32(-1), &buffer)
      guard let value else { continue }
      encode(value, &buffer)
      let byteCount = Int32(buffer.count - start - 4)
      withUnsafeBytes(of: byteCount.bigEndian) { bytes in
        for (offset, byte) in bytes.enumerated() { buffer[start + offset] = byte }
      }
    }
    return true
  }

  private static func putInt(_ value: Int64, _ buffer: inout [UInt8]) {
    putBigEndian(value, &buffer)
  }

  private static func putDouble(_ value: Double, _ buffer: inout [UInt8]) {
    putBigEndian(value.bitPattern, &buffer)
  }

  private static func putTimestamp(_ value: Timestamp, _ buffer: inout [UInt8]) {
    putBigEndian(PostgresTime.microseconds(value), &buffer)
  }

  private static func putPlace(_ value: RowPlace, _ buffer: inout [UInt8]) {
    putBigEndian(value.block, &buffer)
    putBigEndian(value.line, &buffer)
  }

  private static func putBigEndian(_ value: some FixedWidthInteger, _ buffer: inout [UInt8]) {
    withUnsafeBytes(of: value.bigEndian) { buffer.append(contentsOf: $0) }
  }
}

/// Where a version of a row lies in its table (`ctid`), found again without an index. It holds as long as the row
/// can't change: from a transaction's lock on it, or on whatever guards it, to that transaction's end.
package struct RowPlace: Hashable, Sendable {
  var block: UInt32
  var line: UInt16
}

/// PostgreSQL counts microseconds since 2000-01-01; we count milliseconds since 1970-01-01.
enum PostgresTime {
  private static let epochMilliseconds: Int64 = 946_684_800_000
  /// From 4713 BC to the end of 294276, its whole range.
  private static let rangeMilliseconds: ClosedRange<Int64> =
    -211_813_488_000_000...9_223_371_331_199_999

  /// What lies outside PostgreSQL's range becomes its nearest moment.
  static func microseconds(_ time: Timestamp) -> Int64 {
    let (difference, overflow) = time.milliseconds.subtractingReportingOverflow(epochMilliseconds)
    let since = overflow ? Int64.min : difference
    return min(max(since, rangeMilliseconds.lowerBound), rangeMilliseconds.upperBound) * 1_000
  }

  static func timestamp(microseconds: Int64) -> Timestamp {
    let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: 1_000)
    let milliseconds = remainder < 0 ? quotient - 1 : quotient
    return Timestamp(milliseconds: milliseconds &+ epochMilliseconds)
  }
}
