import Domain

/// Price overrides, and when each ends.
struct OverrideClock {
  private(set) var all: [UInt32: OverriddenPrice] = [:]
  /// The moment that the prices in the lines are those of.
  private(set) var now = Int64.min
  /// A heap, the first end on top; an end that isn't its row's any more means nothing.
  private var ends: [(end: Int64, row: UInt32)] = []

  var nextEnd: Int64 { ends.first?.end ?? .max }

  func price(of row: UInt32, own: Int64) -> Int64 {
    if all.isEmpty { return own }
    guard let override = all[row], now < override.end else { return own }
    return override.price
  }

  func isInForce(_ row: UInt32) -> Bool {
    !all.isEmpty && all[row].map { now < $0.end } ?? false
  }

  mutating func set(_ override: OverriddenPrice?, for row: UInt32) {
    if override == nil && all.isEmpty { return }
    all[row] = override
    if let end = override?.end, now < end, end != .max { push((end, row)) }
  }

  /// - Returns: the rows whose price may have changed.
  mutating func advance(to time: Int64) -> [UInt32] {
    if time < now {
      now = time
      ends = []
      for (row, override) in all where now < override.end && override.end != .max {
        push((override.end, row))
      }
      return Array(all.keys)
    }
    now = time
    var rows: [UInt32] = []
    while let first = ends.first, first.end <= time {
      pop()
      if all[first.row] != nil { rows.append(first.row) }
    }
    return rows
  }

  private mutating func push(_ new: (end: Int64, row: UInt32)) {
    ends.append(new)
    var place = ends.count - 1
    while place > 0, ends[(place - 1) / 2].end > ends[place].end {
      ends.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  private mutating func pop() {
    ends.swapAt(0, ends.count - 1)
    ends.removeLast()
    var place = 0
    while true {
      var least = place
      for child in [2 * place + 1, 2 * place + 2]
      where child < ends.count && ends[child].end < ends[least].end {
        least = child
      }
      if least == place { return }
      ends.swapAt(place, least)
      place = least
    }
  }
}
