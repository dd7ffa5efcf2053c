import CPostgreSQL
import Domain

/// The rows that a statement gave, in PostgreSQL's binary format.
///
/// A class, since rows keep it alive. It is never shared between threads: it is not Sendable.
package final class PostgresResult {
  private let handle: OpaquePointer

  /// Takes over `handle`, a `PGresult`.
  init(taking handle: OpaquePointer) { self.handle = handle }

  deinit { PQclear(handle) }

  package var rowCount: Int { Int(PQntuples(handle)) }

  /// How many rows an INSERT, UPDATE or DELETE touched.
  package var affectedCount: Int { Int(String(cString: PQcmdTuples(handle))) ?? 0 }

  package var rows: some Sequence<PostgresRow> {
    (0..<rowCount).lazy.map { PostgresRow(result: self, index: Int32($0)) }
  }

  package var first: PostgresRow? { rowCount == 0 ? nil : PostgresRow(result: self, index: 0) }

  /// nil for NULL.
  fileprivate func bytes(row: Int32, column: Int) -> UnsafeRawBufferPointer? {
    let column = Int32(column)
    guard column < PQnfields(handle), PQgetisnull(handle, row, column) == 0 else { return nil }
    let start = UnsafeRawPointer(PQgetvalue(handle, row, column))
    return UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(handle, row, column)))
  }
}

/// One row. Columns are numbered as the statement names them, from 0.
///
/// Each kind of column has two readers: the plain one throws at NULL, the other gives nil.
package struct PostgresRow {
  fileprivate let result: PostgresResult
  fileprivate let index: Int32

  package func bool(_ column: Int) throws(PostgresError) -> Bool {
    try require(optionalBytes(column), column).first == 1
  }

  package func optionalBool(_ column: Int) -> Bool? {
    optionalBytes(column).map { $0.first == 1 }
  }

  /// Of a `smallint`, `integer` or `bigint`.
  package func int(_ column: Int) throws(PostgresError) -> Int64 {
    try require(try optionalInt(column), column)
  }

  package func optionalInt(_ column: Int) throws(PostgresError) -> Int64? {
    guard let bytes = result.bytes(row: index, column: column) else { return nil }
    switch bytes.count {
    case 2: return Int64(Int16(bigEndian: bytes.loadUnaligned(as: Int16.self)))
    case 4: return Int64(Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
    case 8: return Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    default: throw mismatch(column)
    }
  }

  package func double(_ column: Int) throws(PostgresError) -> Double {
    try require(try optionalDouble(column), column)
  }

  package func optionalDouble(_ column: Int) throws(PostgresError) -> Double? {
    guard let bytes = result.bytes(row: index, column: column) else { return nil }
    guard bytes.count == 8 else { throw mismatch(column) }
    return Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)))
  }

  package func text(_ column: Int) throws(PostgresError) -> String {
    try require(optionalText(column), column)
  }

  package func optionalText(_ column: Int) -> String? {
    result.bytes(row: index, column: column).map { String(decoding: $0, as: UTF8.self) }
  }

  package func bytes(_ column: Int) throws(PostgresError) -> [UInt8] {
    try require(optionalBytes(column), column)
  }

  package func optionalBytes(_ column: Int) -> [UInt8]? {
    result.bytes(row: index, column: column).map { Array($0) }
  }

  /// Of a `timestamptz`; what is finer than a millisecond is cut off.
  package func timestamp(_ column: Int) throws(PostgresError) -> Timestamp {
    try require(try optionalTimestamp(column), column)
  }

  package func optionalTimestamp(_ column: Int) throws(PostgresError) -> Timestamp? {
    try optionalInt(column).map(PostgresTime.timestamp(microseconds:))
  }

  /// Of a `ctid`.
  package func place(_ column: Int) throws(PostgresError) -> RowPlace {
    let bytes = try require(result.bytes(row: index, column: column), column)
    guard bytes.count == 6 else { throw mismatch(column) }
    return RowPlace(
      block: UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self)),
      line: UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self)))
  }

  /// Of a `text[]` of one dimension without NULLs.
  package func texts(_ column: Int) throws(PostgresError) -> [String] {
    let bytes = try require(result.bytes(row: index, column: column), column)
    func int(at offset: Int) throws(PostgresError) -> Int {
      guard offset + 4 <= bytes.count else { throw mismatch(column) }
      return Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
    }
    let dimensions = try int(at: 0)
    if dimensions == 0 { return [] }
    guard dimensions == 1 else { throw mismatch(column) }
    var texts: [String] = []
    var offset = 20
    for _ in 0..<(try int(at: 12)) {
      let byteCount = try int(at: offset)
      offset += 4
      guard byteCount >= 0, offset + byteCount <= bytes.count else { throw mismatch(column) }
      texts.append(String(decoding: bytes[offset..<offset + byteCount], as: UTF8.self))
      offset += byteCount
    }
    return texts
  }

  private func require<Value>(_ value: Value?, _ column: Int) throws(PostgresError) -> Value {
    guard let value else {
      throw PostgresError(.unexpectedResult, "column \(column) is missing or NULL")
    }
    return value
  }

  private func mismatch(_ column: Int) -> PostgresError {
    PostgresError(.unexpectedResult, "column \(column) is of another type than was read")
  }
}
