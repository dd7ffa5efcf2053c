import Domain

/// The first baseline: every miner is looked at, column by column. Of 2,048 rows at a time those that pass
/// the plain filters are gathered without a branch (a selection vector, as column stores do it), then
/// thinned by capabilities, then scored with the one scoring function.
///
/// Rows have no order that helps and nothing is derived from columns beforehand but a 64-bit signature of a
/// row's capabilities: with it 20,000 rare ones cost as little as one common one.
package struct PlainScan {
  private static let chunk = 2_048

  let columns: ScanColumns
  private let selection: SelectionRoom

  package init(_ columns: ScanColumns) {
    self.columns = columns
    selection = SelectionRoom(count: Self.chunk)
  }

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

  /// How many of the rows passed, at the front of `selection`.
  @inline(__always)
  private func selected(_ rows: Range<Int>, _ ask: ScanAsk) -> Int {
    let (region, deadline, isOpen) = (columns.region, columns.deadline, columns.isOpen)
    let (vramGB, price) = (columns.vramGB, columns.price)
    let (minVRAMGB, maxPrice, now) = (ask.minVRAMGB, ask.maxPriceUnits, ask.now)
    let selection = selection.rows
    var count = 0
    if let wanted = ask.region {
      for row in rows {
        selection[count] = UInt32(truncatingIfNeeded: row)
        let passes =
          (region[row] == wanted ? 1 : 0) & (isOpen[row] ? 1 : 0) & (deadline[row] > now ? 1 : 0)
          & (vramGB[row] >= minVRAMGB ? 1 : 0) & (price[row] <= maxPrice ? 1 : 0)
        count &+= passes
      }
    } else {
      for row in rows {
        selection[count] = UInt32(truncatingIfNeeded: row)
        let passes =
          (isOpen[row] ? 1 : 0) & (deadline[row] > now ? 1 : 0)
          & (vramGB[row] >= minVRAMGB ? 1 : 0) & (price[row] <= maxPrice ? 1 : 0)
        count &+= passes
      }
    }
    return count
  }

  @inline(__always)
  private func consider(_ count: Int, _ ask: ScanAsk, _ best: inout BestRows) {
    let signature = columns.signature
    for place in 0..<count {
      let row = Int(selection.rows[place])
      guard ask.isMet(bySignature: signature[row]) else { continue }
      let offered = columns.offered(ask.anyOf, by: row)
      if ask.anyOf.count > 0 && offered == 0 { continue }
      if ask.allOf.count > 0 && columns.offered(ask.allOf, by: row) < ask.allOf.count { continue }
      best.offer(row, score: columns.score(row, ask, offered: offered))
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
    if columns.vramGB[row] < ask.minVRAMGB { return .vram }
    if !ask.isMet(bySignature: columns.signature[row])
      || (ask.anyOf.count > 0 && columns.offered(ask.anyOf, by: row) == 0)
      || columns.offered(ask.allOf, by: row) < ask.allOf.count
    {
      return .capability
    }
    return columns.price[row] > ask.maxPriceUnits ? .price : .full
  }
}

/// Room for row numbers, freed with its owner.
final class SelectionRoom {
  let rows: UnsafeMutablePointer<UInt32>

  /// One more than `count`, since a row is written before it is known to pass.
  init(count: Int) { rows = .allocate(capacity: count + 1) }

  deinit { rows.deallocate() }
}
