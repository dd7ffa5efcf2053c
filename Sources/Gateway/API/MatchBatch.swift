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
    let (items, isSpread) = try Body.read(object) { fields in
      // Read in any case, so that both faults are told.
      let isSpread = fields.bool("spread") ?? false
      return (fields.requests(), isSpread)
    }
    self.init(items.map(Self.entry), isSpread: isSpread)
  }

  /// - Parameter isSpread: what the batch says of all its entries.
  init(_ entries: [Result<MatchRequest, Problem>], isSpread: Bool) {
    self.entries = entries
    guard isSpread else { return }
    for place in entries.indices { self.entries[place] = entries[place].map { $0.spread() } }
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
  fileprivate func spread() -> MatchRequest {
    var request = self
    request.query.isSpread = true
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
    var entries: [Result<MatchRequest, Problem>]?
    var isSpread: Bool?
    guard scanner.take(UInt8(ascii: "{")) else { return nil }
    repeat {
      guard let name = scanner.name() else { return nil }
      if entries == nil && name.elementsEqual("requests".utf8) {
        entries = readEntries(&scanner)
        if entries == nil { return nil }
      } else if isSpread == nil && name.elementsEqual("spread".utf8) {
        isSpread = scanner.bool()
        if isSpread == nil { return nil }
      } else {
        return nil
      }
    } while scanner.take(UInt8(ascii: ","))
    guard scanner.take(UInt8(ascii: "}")), scanner.isAtEnd(), let entries else { return nil }
    return MatchBatch(entries, isSpread: isSpread ?? false)
  }

  private static func readEntries(
    _ scanner: inout JSONScanner
  ) -> [Result<MatchRequest, Problem>]? {
    guard scanner.take(UInt8(ascii: "[")) else { return nil }
    var entries: [Result<MatchRequest, Problem>] = []
    entries.reserveCapacity(64)
    repeat {
      guard entries.count < Limits.batchCount.upperBound,
        let request = PlainMatchReader.read(from: &scanner)
      else { return nil }
      entries.append(.success(request))
    } while scanner.take(UInt8(ascii: ","))
    return scanner.take(UInt8(ascii: "]")) ? entries : nil
  }
}
