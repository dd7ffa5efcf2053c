import Domain

/// Small numbers for strings, as long as somebody uses them: what miners call things is theirs to
/// choose and to change, so a string that nobody holds any more must not take room for ever.
struct StringTable: Sendable {
  private var numbers: [ExactText: UInt32] = [:]
  private var strings: [String] = []
  private var useCounts: [Int] = []
  private var free: [UInt32] = []

  /// The number of a string that is in use.
  func number(of string: String) -> UInt32? { numbers[ExactText(string)] }

  subscript(number: UInt32) -> String { strings[Int(number)] }

  var count: Int { numbers.count }

  mutating func retain(_ string: String) -> UInt32 {
    let key = ExactText(string)
    if let number = numbers[key] {
      useCounts[Int(number)] += 1
      return number
    }
    if let number = free.popLast() {
      numbers[key] = number
      strings[Int(number)] = string
      useCounts[Int(number)] = 1
      return number
    }
    let number = UInt32(strings.count)
    numbers[key] = number
    strings.append(string)
    useCounts.append(1)
    return number
  }

  mutating func release(_ number: UInt32) {
    let place = Int(number)
    useCounts[place] -= 1
    if useCounts[place] > 0 { return }
    numbers[ExactText(strings[place])] = nil
    strings[place] = ""
    free.append(number)
  }

  /// One use of each distinct string.
  mutating func retain(_ strings: [String]) -> NumberList {
    var list = NumberList()
    for string in strings {
      let number = retain(string)
      if !list.insert(number) { release(number) }
    }
    return list
  }

  mutating func release(_ list: NumberList) {
    for number in list.numbers { release(number) }
  }

  func strings(of list: NumberList) -> [String] { list.numbers.map { self[$0] } }
}

/// A miner's list of distinct strings, by number, with a signature that rules most lists out.
struct NumberList: Sendable {
  /// Bit `number mod 64` of each.
  private(set) var signature: UInt64 = 0
  private(set) var numbers: [UInt32] = []

  static func signatureBit(_ number: UInt32) -> UInt64 { 1 << UInt64(number & 63) }

  func contains(_ number: UInt32) -> Bool {
    signature & Self.signatureBit(number) != 0 && numbers.contains(number)
  }

  /// - Returns: false when it was there already.
  mutating func insert(_ number: UInt32) -> Bool {
    if contains(number) { return false }
    signature |= Self.signatureBit(number)
    numbers.append(number)
    return true
  }
}

/// The strings of one list of a request. Those that no miner has are counted, not numbered.
struct AskedList {
  /// How many are asked, known or not.
  let count: Int
  private let numbers: [UInt32]
  private let signature: UInt64

  init(_ strings: [String], in table: StringTable) {
    count = strings.count
    numbers = strings.compactMap { table.number(of: $0) }
    signature = numbers.reduce(0) { $0 | NumberList.signatureBit($1) }
  }

  /// Whether a miner with this list has one of them; when none is asked, it has.
  @inline(__always)
  func isMetInPart(by list: NumberList) -> Bool {
    if count == 0 { return true }
    return list.signature & signature != 0 && numbers.contains { list.contains($0) }
  }

  /// Whether a miner with this list has all of them.
  @inline(__always)
  func isMetInFull(by list: NumberList) -> Bool {
    if count == 0 { return true }
    return numbers.count == count && list.signature & signature == signature
      && numbers.allSatisfy { list.contains($0) }
  }

  /// How many of them a miner with this list has.
  func metCount(by list: NumberList) -> Int {
    numbers.reduce(0) { list.contains($1) ? $0 + 1 : $0 }
  }
}
