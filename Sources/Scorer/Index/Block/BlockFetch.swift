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
      // By their hashes alone: the names themselves would have to come first.
      for place in 0..<count {
        let row = ids.find(hashes[place]) { _ in true }
        hashes[place] = row.map { UInt64($0) } ?? .max
        if let row { prefetch(rows + row) }
      }
      for place in 0..<count where hashes[place] != .max {
        let slot = Int(rows[Int(hashes[place])].slot)
        prefetch(lines + slot)
        prefetch(blocks + (slot >> 6))
        prefetch(bounds + (slot >> 6))
        prefetch(ready + (slot >> 6))
      }
    }
  }
}
