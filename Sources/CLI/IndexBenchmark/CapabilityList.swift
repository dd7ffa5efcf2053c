/// A miner's capabilities by number in 16 bytes: eight lanes of 16 bits, all compared at once.
struct CapabilityList {
  /// In lanes that hold none.
  private static let none: UInt64 = 0xFFFF
  private static let lowBits: UInt64 = 0x0001_0001_0001_0001
  private static let highBits: UInt64 = 0x8000_8000_8000_8000

  private var words: (UInt64, UInt64) = (.max, .max)

  /// - Precondition: distinct, and not more than eight.
  init(_ numbers: [Int]) {
    precondition(numbers.count <= 8, "there are eight lanes")
    for (lane, number) in numbers.enumerated() {
      let shift = UInt64(lane % 4 * 16)
      let cleared = ~(Self.none << shift)
      let value = UInt64(number) << shift
      if lane < 4 {
        words.0 = words.0 & cleared | value
      } else {
        words.1 = words.1 & cleared | value
      }
    }
  }

  var numbers: [Int] {
    var numbers: [Int] = []
    for lane in 0..<8 {
      let word = lane < 4 ? words.0 : words.1
      let number = word >> UInt64(lane % 4 * 16) & Self.none
      if number != Self.none { numbers.append(Int(number)) }
    }
    return numbers
  }

  /// A number in each of four lanes, to ask `has` for it.
  static func pattern(_ number: UInt16) -> UInt64 { UInt64(number) &* lowBits }

  /// 1 when it is among them, otherwise 0: whether a lane of the difference is zero, without a branch
  /// (Warren, «Hacker's Delight», 6–1).
  @inline(__always)
  func has(_ pattern: UInt64) -> Int {
    let (low, high) = (words.0 ^ pattern, words.1 ^ pattern)
    let lowZeros = (low &- Self.lowBits) & ~low
    let highZeros = (high &- Self.lowBits) & ~high
    let zeros = (lowZeros | highZeros) & Self.highBits
    return zeros == 0 ? 0 : 1
  }

  /// How many of the asked are among them.
  @inline(__always)
  func metCount(_ asked: CapabilityPair) -> Int {
    has(asked.firstPattern) &+ has(asked.secondPattern)
  }
}

/// Up to two distinct capabilities that are asked, by number.
struct CapabilityPair {
  /// Stands where none is asked. No miner has it, and it isn't what fills a list's empty lanes.
  private static let none: UInt16 = 0xFFFE

  let first: UInt16
  let second: UInt16
  let count: Int
  let firstPattern: UInt64
  let secondPattern: UInt64

  /// - Precondition: not more than two, all of `BenchmarkWords`.
  init(_ names: [String]) {
    precondition(names.count <= 2, "the benchmark asks two capabilities at most")
    let numbers = names.map { Self.byName[$0, default: Self.none] }
    precondition(!numbers.contains(Self.none), "the benchmark asks what it knows")
    first = numbers.first ?? Self.none
    second = numbers.count < 2 ? Self.none : numbers[1]
    count = numbers.count
    firstPattern = CapabilityList.pattern(first)
    secondPattern = CapabilityList.pattern(second)
  }

  var numbers: [Int] { [first, second].prefix(count).map(Int.init) }

  /// All that are asked are.
  var isCommon: Bool { numbers.allSatisfy { $0 < BenchmarkWords.commonCapabilityCount } }

  private static let byName = Dictionary(
    uniqueKeysWithValues: BenchmarkWords.capabilities.enumerated().map {
      ($0.element, UInt16($0.offset))
    })
}
