import TestRandom
import Testing

@testable import Index

@Suite struct IndexTableTests {
  @Test("a name table finds what a dictionary finds, while it grows and shrinks")
  func nameTable() {
    let memory = BlockMemory()
    var random = SplitMix64(seed: 1)
    var table = NameTable(memory)
    var names: [String] = []
    var numbers: [String: Int] = [:]
    for step in 0..<60_000 {
      // It grows, then shrinks by half, in turn.
      let isGrowing = step / 5_000 % 3 < 2
      if random.chance(isGrowing ? 80 : 20) || numbers.isEmpty {
        let name = "name-\(names.count)"
        table.insert(table.hash(name), names.count, memory)
        numbers[name] = names.count
        names.append(name)
      } else if let number = numbers.removeValue(forKey: names[random.below(names.count)]) {
        table.remove(table.hash(names[number]), number)
      }
      let asked = names[random.below(names.count)]
      #expect(table.find(table.hash(asked)) { names[$0] == asked } == numbers[asked])
    }
    #expect(table.count == numbers.count)
    for name in names {
      #expect(table.find(table.hash(name)) { names[$0] == name } == numbers[name])
    }
  }

  @Test(
    "keys are sorted by their upper halves, whatever the steps", arguments: [1, 7, 1_000, Int.max])
  func keySort(budget: Int) {
    var random = SplitMix64(seed: 2)
    for count in [0, 1, 2, 63, 500] {
      let keys = (0..<count).map { _ in random.next() >> UInt64(random.below(30)) }
      var sort = KeySort(capacity: count)
      for key in keys { sort.append(key) }
      while !sort.advance(budget) {}
      // What is equal above stays as it came.
      let expected = keys.enumerated().sorted {
        ($0.element >> 32, $0.offset) < ($1.element >> 32, $1.offset)
      }
      #expect(sort.keys == expected.map(\.element))
    }
  }

  @Test("sets keep their members while they are moved into larger memory")
  func setPool() {
    let memory = BlockMemory()
    var random = SplitMix64(seed: 3)
    var pool = SetPool(memory, blockCapacity: 4)
    var members: [UInt32: Set<Int>] = [:]
    var blockCount = 4
    for step in 0..<3_000 {
      if random.chance(3) || members.isEmpty { members[pool.take(memory)] = [] }
      if random.chance(4) {
        blockCount += 1 + random.below(3)
        pool.growBlocks(to: blockCount, memory)
      }
      if random.chance(20) { pool.moveSets(atMost: 2, memory) }
      let number = random.pick(members.keys.sorted())
      let slot = random.below(blockCount * 64)
      let isMember = random.chance(70)
      pool[number].set(1 << UInt64(slot & 63), in: slot >> 6, to: isMember)
      if isMember { members[number]!.insert(slot) } else { members[number]!.remove(slot) }
      if random.chance(1) {
        pool.release(number)
        members[number] = nil
      }
      if step % 50 == 0 { expectEqual(pool, members, blockCount) }
    }
    expectEqual(pool, members, blockCount)
  }

  @Test("a set that is moved writes over none of its neighbours", arguments: 16...200)
  func setNeighbours(blockCount: Int) {
    let memory = BlockMemory()
    var pool = SetPool(memory, blockCapacity: blockCount)
    func fill(_ number: UInt32) {
      for block in 0..<blockCount { pool[number].insert(.max, in: block) }
    }
    let old = (0..<5).map { _ in pool.take(memory) }
    old.forEach(fill)
    // Nearly full, so that sets begin to move; a newcomer stands behind the last of them at once.
    pool.growBlocks(to: blockCount, memory)
    let new = pool.take(memory)
    fill(new)
    for _ in old {
      pool.moveSets(atMost: 1, memory)
      for number in old + [new] {
        #expect((0..<blockCount).allSatisfy { pool[number].words[$0] == .max })
        #expect(pool[number].blocks(from: blockCount - 1) & 1 == 1)
      }
    }
  }

  private func expectEqual(_ pool: SetPool, _ members: [UInt32: Set<Int>], _ blockCount: Int) {
    for (number, slots) in members {
      var words = [UInt64](repeating: 0, count: blockCount)
      for slot in slots { words[slot >> 6] |= 1 << UInt64(slot & 63) }
      for block in 0..<blockCount {
        #expect(pool[number].words[block] == words[block])
        #expect((pool[number].blocks(from: block) & 1 == 1) == (words[block] != 0))
      }
    }
  }

  @Test("names are kept as bytes: two ways to write «é» are two categories, and kinds don't mix")
  func categoryNames() {
    let memory = BlockMemory()
    var table = CategoryTable(memory)
    let names = [
      "", "e\u{301}", "\u{e9}", "12345678", "123456789", String(repeating: "x", count: 70),
    ]
    let numbers = names.map { table.retain($0, .tag, memory) }
    #expect(Set(numbers).count == names.count)
    #expect(table.retain("12345678", .capability, memory) != numbers[3])
    for (name, number) in zip(names, numbers) {
      #expect(table.number(of: name, .tag) == number)
      #expect(Array(table.name(of: number).utf8) == Array(name.utf8))
      #expect(table.release(number) == nil)
      #expect(table.number(of: name, .tag) == nil)
    }
    #expect(table.number(of: "12345678", .capability) != nil)
  }

  @Test("a name's start tells it from all others of up to 24 bytes, and by those from longer ones")
  func nameStarts() {
    var names: [[UInt8]] = []
    for count in 0...40 {
      let name = (0..<count).map { UInt8($0 % 3) }
      names.append(name)
      for place in 0..<count {
        var other = name
        other[place] = 7
        names.append(other)
      }
    }
    let starts = names.map { $0.withUnsafeBytes { NameStart($0) } }
    for (name, start) in zip(names, starts) {
      #expect(start.isWhole == (name.count <= 24))
      for (other, otherStart) in zip(names, starts) {
        let isSame =
          name.count == other.count && name.prefix(16) == other.prefix(16)
          && name.suffix(8) == other.suffix(8)
        if (start == otherStart) != isSame { Issue.record("\(name) and \(other)") }
      }
    }
  }

  @Test("lists gathered row by row hold what dictionaries of lists hold, each row once")
  func postingsDraft() {
    var random = SplitMix64(seed: 6)
    let listCount = 40
    var added: [(row: UInt32, list: Int)] = []
    for row in 0..<2_000 as Range<UInt32> {
      for _ in 0..<random.below(6) {
        let list = random.below(listCount)
        // Each of a miner's uses counts; some are of the same list, one right after the other.
        for _ in 0...random.below(2) { added.append((row, list)) }
      }
    }
    var rooms = [UInt32](repeating: 0, count: listCount + 1)
    for use in added { rooms[use.list] += 1 }
    var draft = PostingsDraft(rooms)
    var expected = [[UInt32]](repeating: [], count: listCount + 1)
    for use in added {
      draft.add(use.row, to: use.list)
      if expected[use.list].last != use.row { expected[use.list].append(use.row) }
    }
    #expect((0...listCount).map { draft.list($0) } == expected)
  }
}
