/// Who has what, list by list, while it is gathered miner by miner: each list has as much room as it
/// will need, beside the next, so that adding to one doesn't wait for where it lies.
struct PostingsDraft {
  private var rows: [UInt32] = []
  /// Where each list starts.
  private var starts: [UInt32] = []
  /// And where it ends by now.
  private var ends: [UInt32] = []

  init() {}

  /// - Parameter rooms: how many each list will hold, or more.
  init(_ rooms: [UInt32]) {
    starts.reserveCapacity(rooms.count)
    var start: UInt32 = 0
    for room in rooms {
      starts.append(start)
      start += room
    }
    ends = starts
    rows = Array(repeating: 0, count: Int(start))
  }

  /// Adds a row, but not twice in a row: a miner may name a service twice.
  @inline(__always)
  mutating func add(_ row: UInt32, to list: Int) {
    let end = Int(ends[list])
    if end > starts[list] && rows[end - 1] == row { return }
    rows[end] = row
    ends[list] += 1
  }

  func list(_ list: Int) -> [UInt32] { Array(rows[Int(starts[list])..<Int(ends[list])]) }
}
