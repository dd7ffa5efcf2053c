import Domain

/// What kind of thing a category is. Each kind has names of its own.
enum CategoryKind: UInt8, CaseIterable {
  case accel, capability, tag, service
}

/// What a category is found by: two in a line of memory.
private struct CategoryKey: BitwiseCopyable {
  /// What tells most names apart, so that few have to be looked up.
  var start = NameStart()
  var kind = CategoryKind.accel
  /// The place of its name.
  var name: UInt32 = 0
}

/// A name's length, its first 16 bytes and its last 8: of one that is no longer than that, all of it.
struct NameStart: BitwiseCopyable {
  private var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
  private var byteCount: UInt16 = 0

  init() {}

  @inline(__always)
  init(_ name: UnsafeRawBufferPointer) {
    byteCount = UInt16(clamping: name.count)
    if name.count < 8 {
      words.0 = name.upToSevenBytes
    } else {
      let last = name.count - 8
      words = (name.word(at: 0), name.word(at: min(8, last)), name.word(at: last))
    }
  }

  @inline(__always)
  static func == (left: NameStart, right: NameStart) -> Bool {
    left.words == right.words && left.byteCount == right.byteCount
  }

  /// Nothing of the name is left out.
  @inline(__always)
  var isWhole: Bool { byteCount <= 24 }
}

/// All categories by number, for as long as some miner has them: things that miners have or don't,
/// common ones as one word a block, rare ones as a list.
// Numbers of sets and uses are read by number, for each of a miner's categories: apart from the rest
// they lie close together.
struct CategoryTable {
  private var keys: Column<CategoryKey>
  /// Uses; a number without any is free.
  private var uses: Column<UInt32>
  /// Plus one; 0 for none, while the category is rare.
  private var setNumbers: Column<UInt32>
  private var capacity = 64
  private(set) var count = 0
  /// For each the rows of the miners that have it, in no order, while it is rare.
  private var postings: ContiguousArray<[UInt32]> = []
  private var numbers: NameTable
  private var texts: TextPool
  private var free: [UInt32] = []
  /// Who has the rare ones, while everybody is gone through.
  private var draft = PostingsDraft()

  init(_ memory: BlockMemory) {
    keys = memory.allocate(CategoryKey.self, count: capacity)
    uses = memory.allocate(UInt32.self, count: capacity)
    setNumbers = memory.allocate(UInt32.self, count: capacity)
    numbers = NameTable(memory)
    texts = TextPool(memory)
  }

  func useCount(of number: UInt32) -> Int { Int(uses[Int(number)]) }

  /// The number of the set of who has it; nil while the category is rare.
  @inline(__always)
  func set(of number: UInt32) -> UInt32? {
    let held = setNumbers[Int(number)]
    return held == 0 ? nil : held - 1
  }

  func number(of name: String, _ kind: CategoryKind) -> UInt32? {
    find(name, kind).number.map { UInt32($0) }
  }

  func kind(of number: UInt32) -> CategoryKind { keys[Int(number)].kind }

  func name(of number: UInt32) -> String { texts[keys[Int(number)].name] }

  @inline(__always)
  func postings(of number: UInt32) -> [UInt32] { postings[Int(number)] }

  /// Kinds share a table, and differ where it begins to search.
  @inline(__always)
  private static func hash(
    _ name: UnsafeRawBufferPointer, _ kind: CategoryKind, _ numbers: NameTable
  ) -> UInt64 {
    numbers.hash(name) &+ UInt64(kind.rawValue) &* 0x9E37_79B9_7F4A_7C15
  }

  // Of plain addresses, since holding on to the table would cost more than the search.
  @inline(__always)
  private func find(_ name: String, _ kind: CategoryKind) -> (hash: UInt64, number: Int?) {
    let (numbers, keys, texts) = (numbers, keys, texts.names)
    return name.withBytes { name in
      let hash = Self.hash(name, kind, numbers)
      let start = NameStart(name)
      let number = numbers.find(hash) {
        let key = keys + $0
        return key.pointee.start == start && key.pointee.kind == kind
          && (start.isWhole || texts.holds(name, at: key.pointee.name))
      }
      return (hash, number)
    }
  }

  mutating func retain(_ name: String, _ kind: CategoryKind, _ memory: BlockMemory) -> UInt32 {
    let (hash, found) = find(name, kind)
    if let found {
      uses[found] += 1
      return UInt32(found)
    }
    let number = takeNumber(memory)
    let place = texts.insert(name, memory)
    keys[Int(number)] = CategoryKey(
      start: name.withBytes { NameStart($0) }, kind: kind, name: place)
    uses[Int(number)] = 1
    numbers.insert(hash, Int(number), memory)
    return number
  }

  private mutating func takeNumber(_ memory: BlockMemory) -> UInt32 {
    if let reused = free.popLast() { return reused }
    if count == capacity {
      memory.grow(&keys, from: capacity, to: 2 * capacity)
      memory.grow(&uses, from: capacity, to: 2 * capacity)
      memory.grow(&setNumbers, from: capacity, to: 2 * capacity)
      capacity *= 2
    }
    postings.append([])
    count += 1
    return UInt32(count - 1)
  }

  /// - Returns: a set that nobody needs any more.
  mutating func release(_ number: UInt32) -> UInt32? {
    let place = Int(number)
    uses[place] -= 1
    if uses[place] > 0 { return nil }
    let key = keys[place]
    let hash = texts[key.name].withBytes { Self.hash($0, key.kind, numbers) }
    numbers.remove(hash, place)
    texts.remove(key.name)
    let set = set(of: number)
    keys[place] = CategoryKey()
    setNumbers[place] = 0
    postings[place] = []
    free.append(number)
    return set
  }

  // MARK: Who has a rare one

  mutating func add(_ row: Int, to number: UInt32) {
    postings[Int(number)].append(UInt32(row))
  }

  /// Begins to list who has each rare one: everybody, miner by miner.
  mutating func beginPostings() {
    draft = PostingsDraft(
      (0..<count).map { setNumbers[$0] == 0 ? uses[$0] : 0 })
  }

  @inline(__always)
  mutating func post(_ row: Int, to number: UInt32) { draft.add(UInt32(row), to: Int(number)) }

  mutating func endPostings() {
    for number in 0..<count where setNumbers[number] == 0 && uses[number] > 0 {
      postings[number] = draft.list(number)
    }
    draft = PostingsDraft()
  }

  mutating func remove(_ row: Int, from number: UInt32) {
    let place = Int(number)
    guard let found = postings[place].firstIndex(of: UInt32(row)) else { return }
    postings[place].swapAt(found, postings[place].count - 1)
    postings[place].removeLast()
  }

  mutating func makeDense(_ number: UInt32, _ set: UInt32) {
    setNumbers[Int(number)] = set + 1
    postings[Int(number)] = []
  }

  mutating func makeRare(_ number: UInt32, _ rows: [UInt32]) {
    setNumbers[Int(number)] = 0
    postings[Int(number)] = rows
  }

  /// Beside what the memory counts.
  var byteCount: Int {
    postings.capacity * MemoryLayout<[UInt32]>.stride + postings.reduce(0) { $0 + $1.capacity * 4 }
  }
}
