import Domain
import JSON

/// `POST /v1/match/batch`: several matches in one body, each good or bad by itself.
package struct MatchBatch: Equatable, Sendable {
  /// Of each entry, in their order, how long its caller waits, in milliseconds, or what is wrong with it.
  package private(set) var deadlines: [Result<Int, Problem>] = []
  /// What the good ones ask for, in their order.
  package private(set) var queries: [MatchQuery] = []

  init() {}

  /// - Throws: `Problem` 400 when the body isn't JSON, 422 when it isn't a batch. Faults of its entries are theirs.
  package init(body: UnsafeRawBufferPointer) throws(Problem) {
    if let plain = PlainBatchReader.read(body) {
      self = plain
    } else {
      self = try MatchBatch(Body.object(body))
    }
  }

  package init(_ object: JSONObject) throws(Problem) {
    let (items, isSpread) = try Body.read(object) { fields in
      // Read in any case, so that both faults are told.
      let isSpread = fields.bool("spread") ?? false
      return (fields.requests(), isSpread)
    }
    for item in items {
      do {
        append(try Self.request(item))
      } catch {
        deadlines.append(.failure(error))
      }
    }
    if isSpread { spread() }
  }

  mutating func append(_ request: consuming MatchRequest) {
    deadlines.append(.success(request.deadlineMilliseconds))
    queries.append(request.query)
  }

  /// What the batch says of all its entries.
  mutating func spread() {
    for place in queries.indices { queries[place].isSpread = true }
  }

  /// How long its caller waits: for the entry that may take longest.
  package var deadlineMilliseconds: Int {
    deadlines.reduce(Limits.deadlineMilliseconds.lowerBound) { longest, deadline in
      max(longest, (try? deadline.get()) ?? 0)
    }
  }

  private static func request(_ item: JSONValue) throws(Problem) -> MatchRequest {
    guard let object = item.object else {
      throw .invalid([FieldError(field: "", code: "type", detail: "the request must be an object")])
    }
    return try MatchRequest(object)
  }
}

extension FieldReader {
  /// - Returns: none when they are wrong as a whole.
  fileprivate mutating func requests() -> [JSONValue] {
    let name = "requests"
    guard let (_, value) = find([name]) else {
      fail(name, "required", "\(name) is required")
      return []
    }
    guard let items = value.array else {
      fail(name, "type", "\(name) must be a list of requests")
      return []
    }
    let range = Limits.batchCount
    guard range.contains(items.count) else {
      fail(
        name, "length", "\(name) must hold \(range.lowerBound) to \(range.upperBound) requests")
      return []
    }
    return items
  }
}

/// Reads a batch of plain requests in one walk over its bytes. Like `PlainMatchReader` it knows only how to
/// succeed: with anything unusual in it the whole body is read in the general way.
enum PlainBatchReader {
  /// - Returns: nil when the general way has to read it.
  static func read(_ bytes: UnsafeRawBufferPointer) -> MatchBatch? {
    var scanner = JSONScanner(bytes)
    var batch: MatchBatch?
    var isSpread: Bool?
    guard scanner.take(UInt8(ascii: "{")) else { return nil }
    repeat {
      guard let name = scanner.name() else { return nil }
      if batch == nil && name.elementsEqual("requests".utf8) {
        batch = readEntries(&scanner)
        if batch == nil { return nil }
      } else if isSpread == nil && name.elementsEqual("spread".utf8) {
        isSpread = scanner.bool()
        if isSpread == nil { return nil }
      } else {
        return nil
      }
    } while scanner.take(UInt8(ascii: ","))
    guard scanner.take(UInt8(ascii: "}")), scanner.isAtEnd() else { return nil }
    if isSpread == true { batch?.spread() }
    return batch
  }

  private static func readEntries(_ scanner: inout JSONScanner) -> MatchBatch? {
    guard scanner.take(UInt8(ascii: "[")) else { return nil }
    var batch = MatchBatch()
    repeat {
      guard batch.queries.count < Limits.batchCount.upperBound,
        let request = PlainMatchReader.read(from: &scanner)
      else { return nil }
      batch.append(request)
    } while scanner.take(UInt8(ascii: ","))
    return scanner.take(UInt8(ascii: "]")) ? batch : nil
  }
}
