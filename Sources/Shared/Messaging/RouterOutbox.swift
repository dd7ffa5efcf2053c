import Wire

/// What a ROUTER's thread will send when its round is over: one frame for all that goes to one
/// peer, up to `Record.batchLimit` records.
package struct RouterOutbox {
  struct Frame {
    var peer: PeerIdentity
    var batch: FrameBatch
  }

  /// Peers whose buffers are kept from one round to the next.
  private static let keptPeers = 256

  private var full: [Frame] = []
  private var open: [Frame] = []
  private var places: [PeerIdentity: Int] = [:]
  private let counters: MessagingCounters
  private(set) var isEmpty = true

  init(counters: MessagingCounters) { self.counters = counters }

  /// Queues `record`; what goes to one peer arrives in the order queued.
  package mutating func send(_ record: Record, to peer: PeerIdentity) {
    let place: Int
    if let known = places[peer] {
      place = known
    } else {
      place = open.count
      places[peer] = place
      open.append(Frame(peer: peer, batch: FrameBatch()))
    }
    guard open[place].batch.append(record) else { return counters.countOversize() }
    isEmpty = false
    if open[place].batch.isFull {
      full.append(open[place])
      open[place].batch = FrameBatch()
    }
  }

  /// Gives every waiting frame to `body` and is empty after it.
  mutating func drain(_ body: (borrowing Frame) throws(ZMQError) -> Void) throws(ZMQError) {
    isEmpty = true
    for frame in full { try body(frame) }
    full.removeAll(keepingCapacity: true)
    for place in open.indices where !open[place].batch.isEmpty {
      try body(open[place])
      open[place].batch.removeAll()
    }
    if open.count > Self.keptPeers {
      open = []
      places = [:]
    }
  }
}
