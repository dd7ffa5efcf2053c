import Domain
import Glibc

/// A hand-made array's memory, of numbers only: all of it starts as zeros.
typealias Column<Element> = UnsafeMutablePointer<Element>

/// The memory of a block index, let go with it. Columns start at a cache line.
final class BlockMemory {
  private var held: [UnsafeMutableRawPointer: Int] = [:]
  /// One row a miner that is or was held; all `rowCount` of them are initialised.
  private(set) var rows = Column<MinerRow>.allocate(capacity: 0)
  private(set) var details = Column<MinerDetails>.allocate(capacity: 0)
  private var rowCount = 0
  private var rowCapacity = 0
  fileprivate var spares: [RankTable] = []

  private static let largePageByteCount = 2 << 20
  private static let largeByteCount = 8 << 20

  /// What is allocated, in bytes.
  private(set) var byteCount = 0

  deinit {
    rows.deinitialize(count: rowCount)
    rows.deallocate()
    details.deinitialize(count: rowCount)
    details.deallocate()
    for (pointer, _) in held { pointer.deallocate() }
  }

  func allocate<Element: BitwiseCopyable>(
    _ type: Element.Type, count: Int
  ) -> Column<Element> {
    let bytes = max(64, count * MemoryLayout<Element>.stride)
    let isLarge = bytes >= Self.largeByteCount
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: bytes, alignment: isLarge ? Self.largePageByteCount : 64)
    // Changes and searches jump about in these: without large pages each jump is two.
    if isLarge { madvise(raw, bytes, MADV_HUGEPAGE) }
    raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    held[raw] = bytes
    byteCount += bytes
    return raw.bindMemory(to: type, capacity: count)
  }

  func free<Element: BitwiseCopyable>(_ column: Column<Element>) {
    let raw = UnsafeMutableRawPointer(column)
    byteCount -= held.removeValue(forKey: raw) ?? 0
    raw.deallocate()
  }

  func grow<Element: BitwiseCopyable>(
    _ column: inout Column<Element>, from count: Int, to newCount: Int
  ) {
    let larger = allocate(Element.self, count: newCount)
    larger.update(from: column, count: count)
    free(column)
    column = larger
  }

  /// - Returns: the new row's place.
  func appendRow(_ row: MinerRow) -> Int {
    if rowCount == rowCapacity {
      let newCapacity = max(64, rowCapacity + rowCapacity / 4)
      move(&rows, to: newCapacity)
      move(&details, to: newCapacity)
      rowCapacity = newCapacity
    }
    (rows + rowCount).initialize(to: row)
    (details + rowCount).initialize(to: MinerDetails())
    rowCount += 1
    return rowCount - 1
  }

  private func move<Element>(_ column: inout Column<Element>, to newCapacity: Int) {
    let larger = Column<Element>.allocate(capacity: newCapacity)
    larger.moveInitialize(from: column, count: rowCount)
    column.deallocate()
    column = larger
    byteCount += (newCapacity - rowCapacity) * MemoryLayout<Element>.stride
  }
}

extension BlockMemory {
  /// A table to build in.
  func spareTable() -> RankTable { spares.popLast() ?? RankTable(self) }

  func keepSpare(_ table: RankTable) {
    if spares.count < 16 { spares.append(table) } else { table.free(self) }
  }
}
