import CVector
import Domain

// Memory that is asked for ahead of changes. A change finds a name's cell, its row, then a line with its
// block and its bounds, and then what its region counts, each by what the one before it says: waits that
// many changes can share.
extension BlockIndex {
  package mutating func expect(_ changes: ArraySlice<Change>) {
    expectedRows.removeAll(keepingCapacity: true)
    nextExpected = 0
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: changes.count) { hashes in
      var count = 0
      for change in changes {
        switch change {
        case .record(let record): hashes[count] = ids.hash(record.id.text)
        case .trust(let id, _), .status(let id, _): hashes[count] = ids.hash(id.text)
        case .revoked, .connected: continue
        }
        count += 1
      }
      // Apart from working them out: what is asked for in a row is waited for together.
      for place in 0..<count { prefetch(ids.firstCell(hashes[place])) }
      // By their hashes alone: the names themselves would have to come first.
      for place in 0..<count {
        if let row = ids.find(hashes[place], { _ in true }) { expectedRows.append(UInt32(row)) }
      }
    }
    for row in expectedRows { prefetch(rows + Int(row)) }
    for row in expectedRows {
      let slot = Int(rows[Int(row)].slot)
      prefetch(lines + slot)
      prefetch(blocks + (slot >> 6))
      prefetch(bounds + (slot >> 6))
    }
    if isFilling { return }
    for row in expectedRows {
      let slot = Int(rows[Int(row)].slot)
      let block = blocks + (slot >> 6)
      // Its latency will be much what it was.
      let bucket = Int(lines[slot].latencyBucket)
      if bucket < 0 { continue }
      let region = regionRows + Int(block.pointee.region)
      prefetch(region.pointee.latencies.address(bucket))
      if let counts = region.pointee.latencyCounts { prefetch(counts + bucket) }
    }
  }

  /// The row of a miner that changes: mostly the next one of those that were expected.
  @inline(__always)
  mutating func expectedRow(of id: MinerID) -> Int? {
    if nextExpected < expectedRows.count {
      let row = Int(expectedRows[nextExpected])
      if rows[row].id == id {
        nextExpected += 1
        return row
      }
    }
    return row(of: id)
  }
}
