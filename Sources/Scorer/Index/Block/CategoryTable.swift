import Domain

/// What kind of thing a category is. Each kind has names of its own.
enum CategoryKind: UInt8, CaseIterable {
  case accel, capability, tag, service
}

/// A thing that miners have or don't: common ones as one word a block, rare ones as a list.
struct Category: BitwiseCopyable {
  /// What tells most names apart, so that few have to be looked up: 32 bytes a category, two in a
  /// line of memory.
  fileprivate var start = NameStart()
  fileprivate var kind = CategoryKind.accel
  /// The place of its name.
  fileprivate var name: UInt32 = 0
  private var uses: UInt32 = 0
  /// Plus one; 0 for none.
  private var setNumber: UInt32 = 0

  fileprivate init() {}

  fileprivate init(_ start: NameStart, name: UInt32, kind: CategoryKind) {
    self.start = start
    self.name = name
    self.kind = kind
    uses = 1
  }

  /// Uses; a number without any is free.
  fileprivate(set) var useCount: Int {
    get { Int(uses) }
    set { uses = UInt32(newValue) }
  }

  /// The number of the set of who has it; nil while the category is rare.
  fileprivate(set) var set: UInt32? {
    get { setNumber == 0 ? nil : setNumber - 1 }
    set { setNumber = newValue.map { $0 + 1 } ?? 0 }
  }
}

/// A name's length and first 16 bytes: of one that is no longer, all of it.
struct NameStart: BitwiseCopyable {
  private var words: (UInt64, UInt64) = (0, 0)
  private var byteCount: UInt16 = 0

  init() {}

  @inline(__always)
  init(_ name: UnsafeRawBufferPointer) {
    byteCount = UInt16(clamping: name.count)
    if name.count < 8 {
      words.0 = name.upToSevenBytes
    } else {
      words = (name.word(at: 0), name.word(at: min(8, name.count - 8)))
    }
  }

  @inline(__always)
  static func == (left: NameStart, right: NameStart) -> Bool {
    left.words == right.words && left.byteCount == right.byteCount
  }

  /// The name goes no further.
  @inline(__always)
  var isWhole: Bool { byteCount <= 16 }
}

/// All categories by number, for as long as some miner has them.
struct CategoryTable {
  private var all: Column<Category>
  private var capacity = 64
  private(set) var count = 0
  /// For each the rows of the miners that have it, in no order, while it is rare.
  private var postings: ContiguousArray<[UInt32]> = []
  private var numbers: NameTable
  private var texts: TextPool
  private var free: [UInt32] = []

  init(_ memory: BlockMemory) {
    all = memory.allocate(Category.self, count: capacity)
    numbers = NameTable(memory)
    texts = TextPool(memory)
  }

  @inline(__always)
  subscript(number: UInt32) -> Category { all[Int(number)] }

  func number(of name: String, _ kind: CategoryKind) -> UInt32? {
    find(name, kind).number.map { UInt32($0) }
  }

  func kind(of number: UInt32) -> CategoryKind { all[Int(number)].kind }

  func name(of number: UInt32) -> String { texts[all[Int(number)].name] }

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
    let (numbers, all, texts) = (numbers, all, texts.names)
    return name.withBytes { name in
      let hash = Self.hash(name, kind, numbers)
      let start = NameStart(name)
      let number = numbers.find(hash) {
        let category = all + $0
        return category.pointee.start == start && category.pointee.kind == kind
          && (start.isWhole || texts.holds(name, at: category.pointee.name))
      }
      return (hash, number)
    }
  }

  mutating func retain(_ name: String, _ kind: CategoryKind, _ memory: BlockMemory) -> UInt32 {
    let (hash, found) = find(name, kind)
    if let found {
      all[found].useCount += 1
      return UInt32(found)
    }
    let number = takeNumber(memory)
    let place = texts.insert(name, memory)
    all[Int(number)] = Category(name.withBytes { NameStart($0) }, name: place, kind: kind)
    numbers.insert(hash, Int(number), memory)
    return number
  }

  private mutating func takeNumber(_ memory: BlockMemory) -> UInt32 {
    if let reused = free.popLast() { return reused }
    if count == capacity {
      memory.grow(&all, from: capacity, to: 2 * capacity)
      capacity *= 2
    }
    postings.append([])
    count += 1
    return UInt32(count - 1)
  }

  /// - Returns: a set that nobody needs any more.
  mutating func release(_ number: UInt32) -> UInt32? {
    let place = Int(number)
    all[place].useCount -= 1
    if all[place].useCount > 0 { return nil }
    let category = all[place]
    let hash = texts[category.name].withBytes { Self.hash($0, category.kind, numbers) }
    numbers.remove(hash, place)
    texts.remove(category.name)
    all[place] = Category()
    postings[place] = []
    free.append(number)
    return category.set
  }

  // MARK: Who has a rare one

  mutating func add(_ row: Int, to number: UInt32) {
    postings[Int(number)].append(UInt32(row))
  }

  /// For all miners in turn, each with all that it has: a miner may name a service twice.
  @inline(__always)
  mutating func addOnce(_ row: Int, to number: UInt32) {
    if postings[Int(number)].last != UInt32(row) { add(row, to: number) }
  }

  mutating func remove(_ row: Int, from number: UInt32) {
    let place = Int(number)
    guard let found = postings[place].firstIndex(of: UInt32(row)) else { return }
    postings[place].swapAt(found, postings[place].count - 1)
    postings[place].removeLast()
  }

  mutating func makeDense(_ number: UInt32, _ set: UInt32) {
    all[Int(number)].set = set
    postings[Int(number)] = []
  }

  mutating func makeRare(_ number: UInt32, _ rows: [UInt32]) {
    all[Int(number)].set = nil
    postings[Int(number)] = rows
  }

  /// Beside what the memory counts.
  var byteCount: Int {
    postings.capacity * MemoryLayout<[UInt32]>.stride + postings.reduce(0) { $0 + $1.capacity * 4 }
  }
}
