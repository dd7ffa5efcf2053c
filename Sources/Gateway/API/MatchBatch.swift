import Domain
import JSON

/// `POST /v1/match/batch`: several matches in one body, each good or bad by itself.
package struct MatchBatch: Equatable, Sendable {
  /// In their order; of a bad one what is wrong with it.
  package var entries: [Result<MatchRequest, Problem>]

  /// - Throws: `Problem` 400 when the body isn't JSON, 422 when it isn't a batch. Faults of its entries are theirs.
  package init(body: UnsafeRawBufferPointer) throws(Problem) {
    if let plain = PlainBatchReader.read(body) {
      self = plain
    } else {
      self = try MatchBatch(Body.object(body))
    }
  }

  package init(_ object: JSONObject) throws(Problem) {
    entries = try Body.read(object) { fields in
      // Read in any case, so that both faults are told.
      let isSpread = fields.bool("spread") ?? false
      let items = fields.requests()
      return items.map { item in Self.entry(item).map { $0.spread(isSpread) } }
    }
  }

  init(_ requests: [MatchRequest], isSpread: Bool) {
    entries = requests.map { .success($0.spread(isSpread)) }
  }

  /// How long its caller waits: for the entry that may take longest.
  package var deadlineMilliseconds: Int {
    entries.reduce(Limits.deadlineMilliseconds.lowerBound) { longest, entry in
      max(longest, (try? entry.get())?.deadlineMilliseconds ?? 0)
    }
  }

  private static func entry(_ item: JSONValue) -> Result<MatchRequest, Problem> {
    guard let object = item.object else {
      return .failure(
        .invalid([FieldError(field: "", code: "type", detail: "the request must be an object")]))
    }
    return Result { () throws(Problem) in try MatchRequest(object) }
  }
}

extension MatchRequest {
  /// - Parameter isSpread: what the batch says of all its entries.
  fileprivate func spread(_ isSpread: Bool) -> MatchRequest {
    var request = self
    request.query.isSpread = isSpread || query.isSpread
    return request
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
    var requests: [MatchRequest]?
    var isSpread: Bool?
    guard scanner.take(UInt8(ascii: "{")) else { return nil }
    repeat {
      guard let name = scanner.name() else { return nil }
      if requests == nil && name.elementsEqual("requests".utf8) {
        requests = readRequests(&scanner)
        if requests == nil { return nil }
      } else if isSpread == nil && name.elementsEqual("spread".utf8) {
        isSpread = scanner.bool()
        if isSpread == nil { return nil }
      } else {
        return nil
      }
    } while scanner.take(UInt8(ascii: ","))
    guard scanner.take(UInt8(ascii: "}")), scanner.isAtEnd(), let requests else { return nil }
    return MatchBatch(requests, isSpread: isSpread ?? false)
  }

  private static func readRequests(_ scanner: inout JSONScanner) -> [MatchRequest]? {
    guard scanner.take(UInt8(ascii: "[")) else { return nil }
    var requests: [MatchRequest] = []
    requests.reserveCapacity(64)
    repeat {
      guard requests.count < Limits.batchCount.upperBound,
        let request = PlainMatchReader.read(from: &scanner)
      else { return nil }
      requests.append(request)
    } while scanner.take(UInt8(ascii: ","))
    return scanner.take(UInt8(ascii: "]")) ? requests : nil
  }
}
