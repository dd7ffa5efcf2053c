import Domain
import Glibc

/// A hand-made array's memory: all of it starts as zeros.
typealias Column<Element> = UnsafeMutablePointer<Element>

/// The memory of a block index, let go with it. Columns start at a cache line. Large ones have
/// addresses in reserve, so that they grow where they are: nothing is copied, nobody waits.
final class BlockMemory {
  private struct Extent {
    var byteCount: Int
    /// 0: not mapped by itself.
    var reservedByteCount = 0
    /// Where the mapping starts.
    var base: UnsafeMutableRawPointer?
    /// How much of it has been touched ahead, or is about to be.
    var touchedByteCount = 0
  }

  private var held: [UnsafeMutableRawPointer: Extent] = [:]
  /// One row a miner that is or was held, in both.
  private(set) var rows: Column<MinerRow>
  private(set) var details: Column<MinerDetails>
  private var rowCount = 0
  private var rowCapacity = 0
  fileprivate var spares: [RankTable] = []

  private static let largePageByteCount = 2 << 20
  private static let largeByteCount = 1 << 20
  /// How large a large column can become where it is, at least; addresses cost nothing.
  private static let reservedByteCount = 1 << 30

  /// What is allocated, in bytes.
  private(set) var byteCount = 0

  private let toucher = PageToucher()
  /// While a fleet comes in columns grow fast, and more is touched ahead.
  private var isFilling = true

  init() {
    rows = Column<MinerRow>.allocate(capacity: 0)
    details = Column<MinerDetails>.allocate(capacity: 0)
    rows = column(of: MinerRow.self, count: 1)
    details = column(of: MinerDetails.self, count: 1)
    rowCapacity = 1
  }

  deinit {
    rows.deinitialize(count: rowCount)
    details.deinitialize(count: rowCount)
    for (pointer, extent) in held { release(pointer, extent) }
  }

  func allocate<Element: BitwiseCopyable>(
    _ type: Element.Type, count: Int
  ) -> Column<Element> {
    column(of: type, count: count)
  }

  private func column<Element>(of type: Element.Type, count: Int) -> Column<Element> {
    allocate(byteCount: max(64, count * MemoryLayout<Element>.stride))
      .bindMemory(to: type, capacity: count)
  }

  private func allocate(byteCount bytes: Int) -> UnsafeMutableRawPointer {
    byteCount += bytes
    if bytes >= Self.largeByteCount, let raw = map(bytes) { return raw }
    let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    raw.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    held[raw] = Extent(byteCount: bytes)
    return raw
  }

  /// Changes and searches jump about in these: without large pages each jump is two.
  private func map(_ bytes: Int) -> UnsafeMutableRawPointer? {
    let reserved = max(bytes * 8, Self.reservedByteCount) + Self.largePageByteCount
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
    guard let base = mmap(nil, reserved, PROT_READ | PROT_WRITE, flags, -1, 0),
      base != MAP_FAILED
    else { return nil }
    let raw = base.alignedUp(toMultipleOf: Self.largePageByteCount)
    madvise(raw, reserved - Self.largePageByteCount, MADV_HUGEPAGE)
    held[raw] = Extent(byteCount: bytes, reservedByteCount: reserved, base: base)
    touchAhead(raw)
    return raw
  }

  private func touchAhead(_ raw: UnsafeMutableRawPointer) {
    guard let extent = held[raw] else { return }
    let ahead = isFilling ? extent.byteCount / 16 + Self.largePageByteCount : 0
    let wanted = extent.byteCount + ahead + Self.largePageByteCount
    let end = min(wanted, extent.reservedByteCount) & ~(Self.largePageByteCount - 1)
    if end <= extent.touchedByteCount { return }
    held[raw]?.touchedByteCount = end
    toucher.touch(raw + extent.touchedByteCount, end - extent.touchedByteCount)
  }

  /// The fleet is there: gives back what was touched for nothing, but for a page a column.
  func endFilling() {
    isFilling = false
    toucher.drop()
    for (raw, extent) in held where extent.base != nil {
      let page = Self.largePageByteCount
      let end = (extent.byteCount + 2 * page - 1) & ~(page - 1)
      if end < extent.touchedByteCount {
        madvise(raw + end, extent.touchedByteCount - end, MADV_DONTNEED)
        held[raw]?.touchedByteCount = end
      }
    }
  }

  private func release(_ raw: UnsafeMutableRawPointer, _ extent: Extent) {
    if let base = extent.base {
      toucher.unmap(base, extent.reservedByteCount)
    } else {
      raw.deallocate()
    }
  }

  func free<Element>(_ column: Column<Element>) {
    let raw = UnsafeMutableRawPointer(column)
    guard let extent = held.removeValue(forKey: raw) else { return }
    byteCount -= extent.byteCount
    release(raw, extent)
  }

  func grow<Element: BitwiseCopyable>(
    _ column: inout Column<Element>, from count: Int, to newCount: Int
  ) {
    move(&column, from: count, to: newCount)
  }

  /// Values may be moved as bytes.
  private func move<Element>(_ column: inout Column<Element>, from count: Int, to newCount: Int) {
    let raw = UnsafeMutableRawPointer(column)
    let bytes = newCount * MemoryLayout<Element>.stride
    if let extent = held[raw],
      bytes + Self.largePageByteCount <= extent.reservedByteCount
    {
      byteCount += bytes - extent.byteCount
      held[raw]?.byteCount = bytes
      touchAhead(raw)
      return
    }
    let larger = self.column(of: Element.self, count: newCount)
    larger.moveInitialize(from: column, count: count)
    free(column)
    column = larger
  }

  /// - Returns: the new row's place.
  func appendRow(_ row: MinerRow) -> Int {
    if rowCount == rowCapacity {
      let newCapacity = rowCapacity + max(64, rowCapacity / 32)
      move(&rows, from: rowCount, to: newCapacity)
      move(&details, from: rowCount, to: newCapacity)
      rowCapacity = newCapacity
    }
    (rows + rowCount).initialize(to: row)
    (details + rowCount).initialize(to: MinerDetails())
    rowCount += 1
    return rowCount - 1
  }
}

extension BlockMemory {
  /// A table to build in.
  func spareTable() -> RankTable { spares.popLast() ?? RankTable(self) }

  func keepSpare(_ table: RankTable) {
    if spares.count < 16 { spares.append(table) } else { table.free(self) }
  }
}
