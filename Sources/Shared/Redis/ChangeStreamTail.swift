import Domain
import Glibc
import Logging
import Synchronization
import Threads
import Wire

/// The reader's thread: connects, notes the stream's end, tails, and begins again after any failure.
struct ChangeStreamTail: ~Copyable {
  private let address: RedisAddress
  private let keys: RedisKeys
  private let options: ChangeStreamReader.Options
  private let logger: Logger
  private let reader: ChangeStreamReader
  private let emit: (ChangeStreamReader.Event) -> Void

  private var connection: RedisConnection?
  private var openedWith: RedisURL?
  private var runID: String?
  private var place: StreamPlace?
  private var isReachable: Bool?
  /// When an entry was last seen or a write taken.
  private var lastWrite: ContinuousClock.Instant?
  private var backoff = Backoff(floorMilliseconds: 50, ceilingMilliseconds: 500)
  /// Entries that `delayMilliseconds` holds back, oldest first.
  private var held: [(due: ContinuousClock.Instant, entries: [ChangeStreamReader.Entry])] = []

  init(
    address: RedisAddress, keys: RedisKeys, options: ChangeStreamReader.Options,
    logger: Logger,
    reader: ChangeStreamReader, emit: @escaping (ChangeStreamReader.Event) -> Void
  ) {
    self.address = address
    self.keys = keys
    self.options = options
    self.logger = logger
    self.reader = reader
    self.emit = emit
  }

  private var isStopping: Bool { reader.isStopping.load(ordering: .acquiring) }

  mutating func run() {
    while !isStopping {
      do throws(RedisError) {
        try connectIfNeeded()
        if place == nil { try noteEnd() }
        try readOnce()
        backoff.reset()
      } catch {
        connection = nil
        setReachable(false, reason: error.shortReason)
        pause(backoff.next(random: .random(in: 0..<1)))
      }
      deliverDue()
    }
  }

  private mutating func connectIfNeeded() throws(RedisError) {
    let url = address.url
    if connection != nil && openedWith == url { return }
    connection = nil
    openedWith = url
    let reply = options.blockMilliseconds + options.replySlackMilliseconds
    let made = try RedisConnection.open(
      url,
      timeouts: .init(connectMilliseconds: options.connectMilliseconds, replyMilliseconds: reply))
    runID = made.runID
    connection = consume made
    if place?.holds(runID: runID) == false { place = nil }
  }

  /// Notes where the stream ends now; an empty one gets a first entry, so that it always has an end.
  private mutating func noteEnd() throws(RedisError) {
    let noted: StreamID
    let replies = try exchange([endsCommand, RedisScripts.probe(keys)])
    if let ends = try Self.parseEnds(try replies[0].get()) {
      noted = ends.last
    } else {
      var genesis = RedisCommand("XADD", keys.changeStream, "*", RedisKeys.payloadField)
      genesis.append(ChangeCodec.encode([]))
      noted = try StreamID(reply: try exchange([genesis])[0].get())
    }
    place = StreamPlace(runID: runID, last: noted)
    // What is held back is older than the noted end, so the reload covers it.
    held = []
    noteProbe(replies[1])
    emit(.mustReload(noted: noted))
  }

  /// One pipeline: entries behind our place, waiting a moment for them, and then the stream's ends, which
  /// tell whether there was a gap. (Asked before, they would miss a trim in between.) A Redis that only
  /// answers isn't enough: nobody's sign of life can come through one that takes no writes.
  private mutating func readOnce() throws(RedisError) {
    guard let place else { return }
    var read = RedisCommand("XREAD", "COUNT")
    read.append(options.entriesPerRead)
    read.append("BLOCK")
    read.append(blockMilliseconds())
    for word in ["STREAMS", keys.changeStream, place.last.description] { read.append(word) }
    let isQuiet = lastWrite.map { $0 + .milliseconds(options.probeMilliseconds) < .now } ?? true
    let mustProbe = isQuiet || isReachable != true
    let replies = try exchange(
      [read, endsCommand] + (mustProbe ? [RedisScripts.probe(keys)] : []))
    let found = try Self.parseEntries(try replies[0].get())
    let ends = try Self.parseEnds(try replies[1].get())
    if mustProbe { noteProbe(replies[2]) }
    guard place.holds(ends: ends) else {
      self.place = nil
      return
    }
    guard let last = found.last else { return }
    lastWrite = .now
    self.place?.last = last.id
    let entries = found.compactMap { decode($0.payload, of: $0.id) }
    if options.delayMilliseconds == 0 {
      emit(.entries(entries))
    } else {
      held.append((.now + .milliseconds(options.delayMilliseconds), entries))
    }
  }

  /// An entry that cannot be read still counts as passed, so that nobody waits for its id.
  private func decode(_ payload: [UInt8]?, of id: StreamID) -> ChangeStreamReader.Entry {
    let withStatuses = options.withStatuses
    if let payload, let changes = try? ChangeCodec.decode(payload, withStatuses: withStatuses) {
      return (id, changes)
    }
    reader.undecodable.add(1, ordering: .relaxed)
    logger.error(
      "an entry of the change stream cannot be read and is passed over",
      metadata: ["entry": "\(id)"])
    return (id, [])
  }

  private func exchange(_ commands: [RedisCommand]) throws(RedisError) -> [RedisReply] {
    try connection?.pipeline(commands) ?? []
  }

  private mutating func noteProbe(_ reply: RedisReply) {
    do throws(RedisError) {
      _ = try reply.get()
      lastWrite = .now
      setReachable(true)
    } catch {
      setReachable(false, reason: error.shortReason)
    }
  }

  private mutating func setReachable(_ value: Bool, reason: String = "") {
    if isReachable == value { return }
    isReachable = value
    emit(value ? .reachable : .unreachable(reason))
  }

  // MARK: Waiting

  /// At least 1: to Redis 0 means for ever.
  private func blockMilliseconds() -> Int {
    guard let due = held.first?.due else { return options.blockMilliseconds }
    return min(max(Self.milliseconds(until: due), 1), options.blockMilliseconds)
  }

  private mutating func deliverDue() {
    while let first = held.first, first.due <= .now {
      held.removeFirst()
      emit(.entries(first.entries))
    }
  }

  /// Waits, unless told to stop; entries held back are still delivered when due.
  private mutating func pause(_ duration: Duration) {
    let end = ContinuousClock.now + duration
    while !isStopping && ContinuousClock.now < end {
      let next = min(end, held.first?.due ?? end)
      var wait = pollfd(fd: reader.wakeup.fileDescriptor, events: Int16(POLLIN), revents: 0)
      _ = poll(&wait, 1, Int32(max(Self.milliseconds(until: next), 1)))
      deliverDue()
    }
  }

  private static func milliseconds(until moment: ContinuousClock.Instant) -> Int {
    Int((moment - .now) / .milliseconds(1))
  }

  // MARK: Replies

  private var endsCommand: RedisCommand {
    RedisScripts.call(RedisScripts.streamEnds, keys: [keys.changeStream])
  }

  private static func parseEnds(
    _ reply: RedisReply
  ) throws(RedisError) -> (first: StreamID, last: StreamID)? {
    guard let ends = reply.elements, !ends.isEmpty else { return nil }
    guard ends.count == 2 else { throw .protocolViolation("ends of the stream") }
    return (try StreamID(reply: ends[0]), try StreamID(reply: ends[1]))
  }

  /// `[[stream, [[id, [field, value, …]], …]]]`, or null when nothing came.
  private static func parseEntries(
    _ reply: RedisReply
  ) throws(RedisError) -> [(id: StreamID, payload: [UInt8]?)] {
    if reply == .null { return [] }
    guard let stream = reply.elements?.first?.elements, stream.count == 2,
      let rows = stream[1].elements
    else { throw .protocolViolation("XREAD") }
    var entries: [(id: StreamID, payload: [UInt8]?)] = []
    entries.reserveCapacity(rows.count)
    for row in rows {
      guard let parts = row.elements, parts.count == 2 else { throw .protocolViolation("XREAD") }
      let fields = parts[1].elements ?? []
      let isOurs = fields.count >= 2 && fields[0].text == RedisKeys.payloadField
      entries.append((try StreamID(reply: parts[0]), isOurs ? fields[1].bytes : nil))
    }
    return entries
  }
}

extension StreamID {
  /// An entry's id, as XADD, XRANGE and XREAD give it.
  package init(reply: RedisReply) throws(RedisError) {
    guard let text = reply.text, let id = StreamID(text) else {
      throw .protocolViolation("not an entry's id")
    }
    self = id
  }
}
