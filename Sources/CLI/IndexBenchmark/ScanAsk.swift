import Domain

/// A request as the baselines read it: the filters that the benchmark's requests use, and no others.
struct ScanAsk {
  /// nil: any.
  let region: UInt8?
  /// As the columns have it; above 255 nobody has so much.
  let minVRAMGB: UInt16
  let hasMaxPrice: Bool
  /// The largest number where there is none.
  let maxPriceUnits: Int32
  let maxPriceDouble: Double
  /// What one of two asked capabilities counts.
  let sharePerCapability: Double
  let anyOf: CapabilityPair
  let allOf: CapabilityPair
  let topK: Int
  let now: Int32

  /// - Precondition: regions and capabilities are `BenchmarkWords`, and nothing else is asked.
  init(_ query: MatchQuery, at now: Timestamp, _ columns: ScanColumns) {
    precondition(
      query.accel.isEmpty && query.tagsAny.isEmpty && query.tagsAll.isEmpty
        && query.service == nil && query.minTrust == nil && query.exclude.isEmpty
        && query.minRAMGB == 0 && query.minVRAMGB <= 10_000 && query.maxPrice != .zero,
      "the baselines know only the benchmark's requests")
    region = query.region.map { Self.regionNumbers[$0, default: UInt8.max] }
    minVRAMGB = UInt16(query.minVRAMGB.rounded(.up))
    hasMaxPrice = query.maxPrice != nil
    maxPriceUnits = query.maxPrice.map { Int32(clamping: $0.units) } ?? .max
    maxPriceDouble = Double(query.maxPrice?.units ?? 0)
    sharePerCapability = 1 / Double(max(1, query.capabilitiesAny.count))
    anyOf = CapabilityPair(query.capabilitiesAny)
    allOf = CapabilityPair(query.capabilitiesAll)
    precondition(
      allOf.isCommon && (anyOf.isCommon || anyOf.count == 1),
      "the benchmark asks rare capabilities one at a time")
    topK = query.topK
    self.now = columns.moment(now)
  }

  private static let regionNumbers = Dictionary(
    uniqueKeysWithValues: BenchmarkWords.regions.enumerated().map {
      ($0.element.name, UInt8($0.offset))
    })
}
