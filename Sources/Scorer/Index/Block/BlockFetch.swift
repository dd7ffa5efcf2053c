import CVector
import Domain

// Memory that is asked for ahead of changes. A change finds a name's cell, its row, and then a line
// with its block, each by what the one before it says: waits that many changes can share.
extension BlockIndex {
  package func expect(_ changes: ArraySlice<Change>) {
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: changes.count) { hashes in
      var count = 0
      for change in changes {
        guard case .status(let id, _) = change else { continue }
        hashes[count] = ids.hash(id.text)
        prefetch(ids.firstCell(hashes[count]))
        count += 1
      }
      // The first cell is nearly always the right one; where it isn't, nothing is lost.
      for place in 0..<count {
        hashes[place] = ids.firstCell(hashes[place]).pointee & 0xFFFF_FFFF
        if hashes[place] > 0 { prefetch(rows + Int(hashes[place] - 1)) }
      }
      for place in 0..<count where hashes[place] > 0 {
        let slot = Int(rows[Int(hashes[place] - 1)].slot)
        prefetch(lines + slot)
        prefetch(blocks + (slot >> 6))
        prefetch(bounds + (slot >> 6))
        prefetch(ready + (slot >> 6))
      }
    }
  }
}
