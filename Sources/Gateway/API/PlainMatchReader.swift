import Domain
import JSON

/// Reads the match that a coordinator sends in the ordinary course in one walk over its bytes, many
/// times faster than by way of `JSONValue`.
///
/// It knows only how to succeed. Anything else (a fault, an escape, an unknown or repeated field, a
/// number with an exponent) makes it give up, and the body is read in the general way, which knows all
/// faults by name. Where it succeeds, its result is the general way's.
struct PlainMatchReader {
  /// Longer lists are left to the general way: here repeated texts are looked for one by one.
  private static let listLimit = 16

  private enum Field: UInt32 {
    case jobID, requirements, hints, topK, exclude, explain, spread
    case task, minVRAM, minRAM, accel, tagsAny, tagsAll, capabilitiesAny, capabilitiesAll
    case service, minTrust
    case region, maxPrice, deadline
  }

  private typealias Names = [(name: StaticString, field: Field)]

  private static let bodyNames: Names = [
    ("job_id", .jobID), ("requirements", .requirements), ("hints", .hints), ("top_k", .topK),
    ("exclude", .exclude), ("explain", .explain), ("spread", .spread),
  ]
  private static let requirementNames: Names = [
    ("task", .task), ("min_vram_gb", .minVRAM), ("min_ram_gb", .minRAM), ("accel", .accel),
    ("tags_any", .tagsAny), ("tags_all", .tagsAll), ("capabilities_any", .capabilitiesAny),
    ("capabilities_all", .capabilitiesAll), ("service", .service), ("min_trust", .minTrust),
  ]
  private static let hintNames: Names = [
    ("region", .region), ("max_price", .maxPrice), ("deadline_ms", .deadline),
  ]

  private var scanner: JSONScanner
  private var query = MatchQuery(jobID: "")
  private var deadlineMilliseconds = MatchRequest.defaultDeadlineMilliseconds

  /// - Returns: nil when the general way has to read it.
  static func read(_ bytes: UnsafeRawBufferPointer) -> MatchRequest? {
    var scanner = JSONScanner(bytes)
    guard let request = read(from: &scanner), scanner.isAtEnd() else { return nil }
    return request
  }

  /// The same for an object inside something larger: the scanner goes on behind it.
  static func read(from scanner: inout JSONScanner) -> MatchRequest? {
    var reader = PlainMatchReader(scanner: scanner)
    guard reader.readObject(bodyNames), !reader.query.jobID.isEmpty else { return nil }
    scanner = reader.scanner
    return MatchRequest(query: reader.query, deadlineMilliseconds: reader.deadlineMilliseconds)
  }

  private init(scanner: JSONScanner) { self.scanner = scanner }

  private mutating func readObject(_ names: Names) -> Bool {
    guard scanner.take(UInt8(ascii: "{")) else { return false }
    if scanner.take(UInt8(ascii: "}")) { return true }
    var seen: UInt32 = 0
    while true {
      guard let name = scanner.name(), let field = Self.field(name, among: names),
        seen & (1 << field.rawValue) == 0, readValue(of: field)
      else { return false }
      seen |= 1 << field.rawValue
      if scanner.take(UInt8(ascii: "}")) { return true }
      guard scanner.take(UInt8(ascii: ",")) else { return false }
    }
  }

  private static func field(_ name: UnsafeRawBufferPointer, among names: Names) -> Field? {
    names.first { known in
      known.name.utf8CodeUnitCount == name.count
        && name.elementsEqual(UnsafeBufferPointer(start: known.name.utf8Start, count: name.count))
    }?.field
  }

  private mutating func readValue(of field: Field) -> Bool {
    // As good as left out.
    if scanner.takeNull() { return true }
    switch field {
    case .jobID: return put(text(1...Limits.jobIDBytes)) { $0.jobID = $1 }
    case .requirements: return readObject(Self.requirementNames)
    case .hints: return readObject(Self.hintNames)
    case .topK: return put(integer(in: Limits.topK)) { $0.topK = $1 }
    case .exclude: return put(minerIDs()) { $0.exclude = $1 }
    case .explain: return put(explain()) { $0.explainsFully = $1 == .full }
    case .spread: return put(scanner.bool()) { $0.isSpread = $1 }
    case .task: return put(text(0...Limits.nameBytes)) { $0.task = $1 }
    case .minVRAM: return put(number(in: Limits.gigabytes)) { $0.minVRAMGB = $1 }
    case .minRAM: return put(number(in: Limits.gigabytes)) { $0.minRAMGB = $1 }
    case .accel: return put(names(isLowercased: true)) { $0.accel = $1 }
    case .tagsAny: return put(names()) { $0.tagsAny = $1 }
    case .tagsAll: return put(names()) { $0.tagsAll = $1 }
    case .capabilitiesAny: return put(names()) { $0.capabilitiesAny = $1 }
    case .capabilitiesAll: return put(names()) { $0.capabilitiesAll = $1 }
    case .service: return put(text(1...Limits.nameBytes)) { $0.service = $1 }
    case .minTrust: return put(number(in: 0...1)) { $0.minTrust = $1 }
    case .region:
      return put(text(0...Limits.nameBytes)) { query, region in
        query.region = region.isEmpty ? nil : Self.lowercased(region)
      }
    case .maxPrice: return put(price()) { $0.maxPrice = $1 }
    case .deadline:
      guard let deadline = integer(in: Limits.deadlineMilliseconds) else { return false }
      deadlineMilliseconds = deadline
      return true
    }
  }

  private mutating func put<Value>(
    _ value: Value?, _ set: (inout MatchQuery, Value) -> Void
  ) -> Bool {
    guard let value else { return false }
    set(&query, value)
    return true
  }

  private mutating func text(_ byteCount: ClosedRange<Int>) -> String? {
    guard let text = scanner.text(), byteCount.contains(text.utf8.count) else { return nil }
    return text
  }

  private mutating func number(in range: ClosedRange<Double>) -> Double? {
    guard let number = scanner.decimal()?.double, range.contains(number) else { return nil }
    return number
  }

  private mutating func integer(in range: ClosedRange<Int>) -> Int? {
    guard let number = scanner.decimal(), number.places == 0, !number.isNegative,
      range.contains(Int(number.digits))
    else { return nil }
    return Int(number.digits)
  }

  private mutating func price() -> Price? { scanner.decimal().flatMap { Price($0) } }

  private mutating func explain() -> MatchRequest.Explain? {
    scanner.text().flatMap { MatchRequest.Explain(rawValue: $0) }
  }

  private mutating func minerIDs() -> [MinerID]? {
    guard let texts = texts(1...Limits.minerIDBytes) else { return nil }
    var ids: [MinerID] = []
    ids.reserveCapacity(texts.count)
    for text in texts {
      guard let id = MinerID(text) else { return nil }
      ids.append(id)
    }
    return ids
  }

  private mutating func names(isLowercased: Bool = false) -> [String]? {
    texts(1...Limits.nameBytes, isLowercased: isLowercased)
  }

  /// - Returns: nil also where two are alike.
  private mutating func texts(
    _ byteCount: ClosedRange<Int>, isLowercased: Bool = false
  ) -> [String]? {
    guard scanner.take(UInt8(ascii: "[")) else { return nil }
    var texts: [String] = []
    if scanner.take(UInt8(ascii: "]")) { return texts }
    while true {
      guard var text = text(byteCount), texts.count < Self.listLimit else { return nil }
      if isLowercased { text = Self.lowercased(text) }
      // Swift's comparison finds more alike than the bytes are; those too are left to the general way.
      if texts.contains(text) { return nil }
      texts.append(text)
      if scanner.take(UInt8(ascii: "]")) { return texts }
      guard scanner.take(UInt8(ascii: ",")) else { return nil }
    }
  }

  /// Most texts are lower case as they come.
  private static func lowercased(_ text: String) -> String {
    let isLower = text.utf8.allSatisfy { byte in
      byte < 0x80 && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }
    return isLower ? text : text.lowercased()
  }
}

extension Price {
  /// nil for what isn't a price.
  init?(_ number: JSONScanner.Decimal) {
    guard number.places <= Self.fractionDigits, !number.isNegative else { return nil }
    var (units, hasOverflow) = (number.digits, false)
    for _ in number.places..<Self.fractionDigits {
      let (product, overflow) = units.multipliedReportingOverflow(by: 10)
      units = product
      hasOverflow = hasOverflow || overflow
    }
    guard !hasOverflow, Limits.priceUnits.contains(units) else { return nil }
    self.init(units: units)
  }
}
