import Domain

/// What kind of thing a category is. Each kind has names of its own.
enum CategoryKind: UInt8, CaseIterable {
  case accel, capability, tag, service
}

/// A thing that miners have or don't: common ones as one word a block, rare ones as a list.
struct Category {
  var name: String
  var kind: CategoryKind
  /// Uses; a number without any is free.
  var useCount = 0
  /// The number of the set of who has it; nil while the category is rare.
  var set: UInt32?
  /// The rows of the miners that have it, in no order, while it is rare.
  var postings: [UInt32] = []
}

/// All categories by number, for as long as some miner has them.
struct CategoryTable {
  private(set) var all: ContiguousArray<Category> = []
  private var names: [NameTable]
  private var free: [UInt32] = []
  private(set) var denseCount = 0

  init(_ memory: BlockMemory) {
    names = CategoryKind.allCases.map { _ in NameTable(memory) }
  }

  func number(of name: String, _ kind: CategoryKind) -> UInt32? {
    let table = names[Int(kind.rawValue)]
    return table.find(table.hash(name)) { ExactText(all[$0].name) == ExactText(name) }.map {
      UInt32($0)
    }
  }

  subscript(number: UInt32) -> Category {
    _read { yield all[Int(number)] }
    _modify { yield &all[Int(number)] }
  }

  mutating func retain(_ name: String, _ kind: CategoryKind, _ memory: BlockMemory) -> UInt32 {
    let hash = names[Int(kind.rawValue)].hash(name)
    let found = names[Int(kind.rawValue)].find(hash) { ExactText(all[$0].name) == ExactText(name) }
    if let found {
      all[found].useCount += 1
      return UInt32(found)
    }
    let number: UInt32
    let category = Category(name: name, kind: kind, useCount: 1)
    if let reused = free.popLast() {
      number = reused
      all[Int(number)] = category
    } else {
      number = UInt32(all.count)
      all.append(category)
    }
    names[Int(kind.rawValue)].insert(hash, Int(number), memory)
    return number
  }

  /// - Returns: a set that nobody needs any more.
  mutating func release(_ number: UInt32) -> UInt32? {
    let place = Int(number)
    all[place].useCount -= 1
    if all[place].useCount > 0 { return nil }
    let category = all[place]
    let table = Int(category.kind.rawValue)
    names[table].remove(names[table].hash(category.name), place)
    all[place] = Category(name: "", kind: category.kind)
    free.append(number)
    if category.set != nil { denseCount -= 1 }
    return category.set
  }

  mutating func makeDense(_ number: UInt32, _ set: UInt32) {
    all[Int(number)].set = set
    all[Int(number)].postings = []
    denseCount += 1
  }

  mutating func makeRare(_ number: UInt32, _ postings: [UInt32]) {
    all[Int(number)].set = nil
    all[Int(number)].postings = postings
    denseCount -= 1
  }

  var byteCount: Int {
    all.capacity * MemoryLayout<Category>.stride
      + all.reduce(0) { $0 + $1.postings.capacity * 4 }
  }
}
