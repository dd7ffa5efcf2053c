import Domain

/// A request as the baselines read it: the filters that the benchmark's requests use, and no others.
struct ScanAsk {
  /// nil: any.
  let region: UInt8?
  let minVRAMGB: Float
  let maxPrice: Price?
  /// In `ScanColumns.price`'s measure.
  let maxPriceUnits: UInt32
  let anyOf: CapabilityPair
  let allOf: CapabilityPair
  let topK: Int
  let now: Int32

  /// - Precondition: regions and capabilities are `BenchmarkWords`, and nothing else is asked.
  init(_ query: MatchQuery, at now: Timestamp, _ columns: ScanColumns) {
    precondition(
      query.accel.isEmpty && query.tagsAny.isEmpty && query.tagsAll.isEmpty
        && query.service == nil && query.minTrust == nil && query.exclude.isEmpty
        && query.minRAMGB == 0,
      "the baselines know only the benchmark's requests")
    region = query.region.map { Self.regionNumbers[$0, default: UInt8.max] }
    minVRAMGB = Float(query.minVRAMGB)
    maxPrice = query.maxPrice
    maxPriceUnits = query.maxPrice.map { UInt32(clamping: $0.units) } ?? .max
    anyOf = CapabilityPair(query.capabilitiesAny)
    allOf = CapabilityPair(query.capabilitiesAll)
    precondition(
      anyOf.isCommon || anyOf.count == 1 && allOf.isCommon,
      "the benchmark asks rare capabilities one at a time")
    topK = query.topK
    self.now = columns.moment(now)
  }

  @inline(__always)
  func isMet(bySignature signature: UInt64) -> Bool {
    signature & allOf.signature == allOf.signature
      && (anyOf.count == 0 || signature & anyOf.signature != 0)
  }

  private static let regionNumbers = Dictionary(
    uniqueKeysWithValues: BenchmarkWords.regions.enumerated().map {
      ($0.element.name, UInt8($0.offset))
    })
}

/// Up to two distinct capabilities by number, in two fields that cost nothing to compare.
struct CapabilityPair {
  /// Stands where none is asked.
  private static let none = UInt32.max

  let first: UInt32
  let second: UInt32
  let count: Int
  let signature: UInt64

  /// - Precondition: not more than two, all of `BenchmarkWords`.
  init(_ names: [String]) {
    precondition(names.count <= 2, "the benchmark asks two capabilities at most")
    let numbers = names.map { Self.numbers[$0, default: Self.none] }
    precondition(!numbers.contains(Self.none), "the benchmark asks what it knows")
    first = numbers.first ?? Self.none
    second = numbers.count < 2 ? Self.none : numbers[1]
    count = numbers.count
    signature = numbers.reduce(0) { $0 | ScanColumns.signatureBit(Int($1)) }
  }

  var numbers: [UInt32] { Array([first, second].prefix(count)) }

  /// All that are asked are.
  var isCommon: Bool { numbers.allSatisfy { $0 < BenchmarkWords.commonCapabilityCount } }

  private static let numbers = Dictionary(
    uniqueKeysWithValues: BenchmarkWords.capabilities.enumerated().map {
      ($0.element, UInt32($0.offset))
    })
}
