/// How often somebody may do something: so many in a time, and so many of these at once.
package struct RateQuota: Hashable, Sendable, CustomStringConvertible {
  package let count: Int
  package let windowSeconds: Int
  /// How many may come at once after a rest.
  package let burst: Int

  /// - Parameter burst: nil: a tenth of the count, so that no window sees more than a tenth above it.
  package init?(count: Int, windowSeconds: Int, burst: Int? = nil) {
    let burst = burst ?? max(1, count / 10)
    guard (1...1_000_000).contains(count), (1...86_400).contains(windowSeconds),
      (1...1_000_000).contains(burst)
    else { return nil }
    self.count = count
    self.windowSeconds = windowSeconds
    self.burst = burst
  }

  /// Reads `10/s`, `600/min`, `100/h` and, with a burst of its own, `10/s burst 50`.
  package init?(_ text: String) {
    let words = text.split(separator: " ")
    guard words.count == 1 || words.count == 3 && words[1] == "burst", let rate = words.first
    else { return nil }
    let parts = rate.split(separator: "/", omittingEmptySubsequences: false)
    let units = ["s": 1, "min": 60, "h": 3_600]
    guard parts.count == 2, let count = Int(parts[0]), let window = units[String(parts[1])] else {
      return nil
    }
    if words.count == 3 {
      guard let burst = Int(words[2]) else { return nil }
      self.init(count: count, windowSeconds: window, burst: burst)
    } else {
      self.init(count: count, windowSeconds: window)
    }
  }

  /// The time that one takes, in µs.
  package var interval: Double { Double(windowSeconds) * 1_000_000 / Double(count) }
  /// By how much one may come before its time: what a burst is made of.
  package var tolerance: Double { Double(burst - 1) * interval }

  package var description: String {
    let units = [1: "s", 60: "min", 3_600: "h"]
    return "\(count)/\(units[windowSeconds] ?? "\(windowSeconds)s") burst \(burst)"
  }
}
