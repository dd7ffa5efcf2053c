import CVector
import Domain

/// The first baseline: every miner is looked at, column by column. Of 2,048 rows at a time those that pass
/// the plain filters are marked, a column after another and many rows an instruction, then gathered (a selection
/// vector, as column stores do it), thinned by capabilities, and scored.
///
/// Rows have no order that helps. What is made ready beforehand is only what needs no request: the score's parts
/// for latency, trust and load. Capabilities are lists of numbers of a fixed width, so that 20,000 rare ones cost
/// as little as the common ones.
package struct PlainScan {
  private static let chunk = 2_048
  /// So many rows before it is read a row's list is asked for.
  private static let ahead = 16

  let columns: ScanColumns
  private let selection = SelectionRoom(count: Self.chunk)
  private let marks = MarkRoom(count: Self.chunk)

  package init(_ columns: ScanColumns) { self.columns = columns }

  package func match(_ query: MatchQuery, at now: Timestamp) -> ScanAnswer {
    let ask = ScanAsk(query, at: now, columns)
    var best = BestRows(limit: ask.topK)
    var first = 0
    while first < columns.count {
      let end = min(first + Self.chunk, columns.count)
      consider(selected(first..<end, ask), ask, &best)
      first = end
    }
    return ScanAnswer(
      best: best.entries, counts: best.entries.isEmpty ? counts(ask) : nil)
  }

  /// Marks the rows that pass every plain filter, then gathers them.
  ///
  /// - Returns: how many there are, at the front of `selection`.
  @inline(__always)
  private func selected(_ rows: Range<Int>, _ ask: ScanAsk) -> Int {
    mark(rows, ask)
    let selection = selection.rows
    let marks = marks.marks
    var count = 0
    for group in 0..<(rows.count + 7) / 8 {
      // Eight marks at once: a byte of 1 a row that passed.
      var rest = marks[group]
      while rest != 0 {
        selection[count] =
          UInt32(truncatingIfNeeded: rows.lowerBound + group * 8)
          &+ UInt32(truncatingIfNeeded: rest.trailingZeroBitCount >> 3)
        count &+= 1
        rest &= rest &- 1
      }
    }
    return count
  }

  /// Column by column over a chunk that stays in the nearest cache; the compiler makes each loop one over many
  /// rows at a time.
  @inline(__always)
  private func mark(_ rows: Range<Int>, _ ask: ScanAsk) {
    marks.clear()
    let first = rows.lowerBound
    let count = rows.count
    let marks = marks.bytes
    let (isOpen, vramGB) = (columns.isOpen + first, columns.vramGB + first)
    let (deadline, price) = (columns.deadline + first, columns.price + first)
    let minVRAMGB = UInt8(truncatingIfNeeded: min(ask.minVRAMGB, 255))
    let (maxPrice, now) = (ask.maxPriceUnits, ask.now)
    if ask.minVRAMGB > 255 { return }
    for row in 0..<count { marks[row] = isOpen[row] & (vramGB[row] >= minVRAMGB ? 1 : 0) }
    if let wanted = ask.region {
      let region = columns.region + first
      for row in 0..<count { marks[row] &= region[row] == wanted ? 1 : 0 }
    }
    for row in 0..<count { marks[row] &= deadline[row] > now ? 1 : 0 }
    if ask.hasMaxPrice { for row in 0..<count { marks[row] &= price[row] <= maxPrice ? 1 : 0 } }
  }

  /// Thins what was gathered by capabilities, without a branch, then scores what is left.
  @inline(__always)
  private func consider(_ count: Int, _ ask: ScanAsk, _ best: inout BestRows) {
    let (rows, capabilities) = (selection.rows, columns.capabilities)
    let least = min(1, ask.anyOf.count)
    var kept = 0
    // Many rows, and so lists one after the other, come by themselves.
    let isSparse = count < Self.chunk / 2
    for place in 0..<count {
      if isSparse { prefetch(capabilities + Int(rows[min(place + Self.ahead, count - 1)])) }
      let row = rows[place]
      let list = capabilities[Int(row)]
      let offered = list.metCount(ask.anyOf)
      let isMet =
        (offered >= least ? 1 : 0) & (list.metCount(ask.allOf) == ask.allOf.count ? 1 : 0)
      // Above the row's number: how many it offers, 0 to 2.
      rows[kept] = row | UInt32(truncatingIfNeeded: offered) << 30
      kept &+= isMet
    }
    for place in 0..<kept {
      let row = Int(rows[place] & 0x3FFF_FFFF)
      best.offer(row, score: columns.score(row, ask, offered: Int(rows[place] >> 30)))
    }
  }

  /// A second pass, for requests that nobody fits: where each row failed first.
  private func counts(_ ask: ScanAsk) -> MatchCounts {
    var rejected = [Int](repeating: 0, count: RejectionReason.allCases.count)
    for row in 0..<columns.count { rejected[reason(row, ask).rawValue] += 1 }
    return MatchCounts(eligible: 0, considered: columns.count, rejected: rejected)
  }

  /// Called when nobody is eligible: who fails nothing else is full.
  private func reason(_ row: Int, _ ask: ScanAsk) -> RejectionReason {
    if columns.deadline[row] <= ask.now { return .offline }
    if let wanted = ask.region, columns.region[row] != wanted { return .region }
    if UInt16(columns.vramGB[row]) < ask.minVRAMGB { return .vram }
    let list = columns.capabilities[row]
    if list.metCount(ask.anyOf) < min(1, ask.anyOf.count)
      || list.metCount(ask.allOf) < ask.allOf.count
    {
      return .capability
    }
    return columns.price[row] > ask.maxPriceUnits ? .price : .full
  }
}

/// Room for row numbers, freed with its owner.
final class SelectionRoom {
  let rows: UnsafeMutablePointer<UInt32>

  init(count: Int) { rows = .allocate(capacity: count) }

  deinit { rows.deallocate() }
}

/// A byte a row, 0 or 1, also read eight at a time; freed with its owner.
final class MarkRoom {
  let marks: UnsafeMutablePointer<UInt64>
  private let wordCount: Int

  /// - Precondition: `count` is a multiple of 8.
  init(count: Int) {
    wordCount = count / 8
    marks = .allocate(capacity: wordCount)
    clear()
  }

  deinit { marks.deallocate() }

  var bytes: UnsafeMutablePointer<UInt8> {
    UnsafeMutableRawPointer(marks).assumingMemoryBound(to: UInt8.self)
  }

  func clear() { marks.initialize(repeating: 0, count: wordCount) }
}
