/// The kinds of requests that are timed apart.
package enum RequestClass: String, CaseIterable, Sendable {
  /// A region, one or two common capabilities, least VRAM, a price cap, the best 3.
  case typical
  /// One rare capability anywhere; half of them with a price cap.
  case rare
  /// No region, no price: perhaps a common capability and some VRAM.
  case broad
  /// A region, two capabilities at once and the VRAM of few: a handful passes. Of every fifth nobody
  /// can pass, and it is told how many failed at which filter.
  case scarce
  /// Typical, but the best 50.
  case top50

  /// Of 100 requests.
  package var percent: Int {
    switch self {
    case .typical: 70
    case .rare, .broad: 10
    case .scarce, .top50: 5
    }
  }
}
