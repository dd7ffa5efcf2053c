/// Sorts keys by their upper halves, in steps of bounded length: digit by digit from the lowest, each
/// time into as many piles as there are digits, in the order that the last digit left.
struct KeySort {
  /// Sorted once `advance` says so.
  private(set) var keys: [UInt64] = []
  private var piled: [UInt64] = []
  /// Digit by digit, how many keys each pile gets; later, where its next one goes.
  private var ends: [UInt32] = []
  private var digit = 0
  private var next = 0

  private static let digitBits: UInt64 = 11
  private static let digitCount = 3
  private static let pileCount = 1 << Int(digitBits)
  private static let lowestBit: UInt64 = 32

  init(capacity: Int = 0) {
    keys.reserveCapacity(capacity)
    ends = Array(repeating: 0, count: Self.digitCount * Self.pileCount)
  }

  private static func digit(_ number: Int, of key: UInt64) -> Int {
    Int(truncatingIfNeeded: key >> (lowestBit + UInt64(number) * digitBits)) & (pileCount - 1)
  }

  mutating func append(_ key: UInt64) {
    keys.append(key)
    for digit in 0..<Self.digitCount {
      ends[digit * Self.pileCount + Self.digit(digit, of: key)] += 1
    }
  }

  /// Goes on by some `budget` keys; no key may be appended any more.
  ///
  /// - Returns: whether all is sorted.
  mutating func advance(_ budget: Int) -> Bool {
    if digit == Self.digitCount { return true }
    if piled.isEmpty { beginPiles() }
    let end = min(keys.count, next + min(budget, keys.count))
    let first = digit * Self.pileCount
    ends.withUnsafeMutableBufferPointer { ends in
      piled.withUnsafeMutableBufferPointer { piled in
        for key in keys[next..<end] {
          let pile = first + Self.digit(digit, of: key)
          piled[Int(ends[pile])] = key
          ends[pile] += 1
        }
      }
    }
    next = end
    if next == keys.count {
      swap(&keys, &piled)
      digit += 1
      next = 0
    }
    return digit == Self.digitCount
  }

  /// From how many keys each pile gets to where it starts.
  private mutating func beginPiles() {
    piled = Array(unsafeUninitializedCapacity: keys.count) { $1 = keys.count }
    for digit in 0..<Self.digitCount {
      var start: UInt32 = 0
      for pile in digit * Self.pileCount..<(digit + 1) * Self.pileCount {
        (start, ends[pile]) = (start + ends[pile], start)
      }
    }
  }
}
