import Domain
import Glibc
import Threads
import Wire

/// A scorer's connections, one DEALER to each gateway, for the one thread that also owns its index:
/// poll, receive, queue, flush. Greeting and beating are part of it.
///
/// Gateways that it is told of stay; those that announce themselves come and go. Each link has a number
/// that no other ever gets, so that an answer whose gateway has gone is nobody's.
///
/// Not `Sendable`: make it on the thread that uses it.
package final class DealerSet {
  /// What happened on a link, with its number.
  package struct Event: Equatable, Sendable {
    package var gateway: Int
    package var event: LinkEvent
  }

  private final class Link {
    private static let redialMicroseconds: Int64 = 1_000_000

    let number: Int
    let endpoint: String
    /// By its announcement; else it stands in the list.
    let isFound: Bool
    let socket: ZMQSocket
    var state: GatewayLinkState
    let batch = FrameBatch()
    private var redialAt: Int64?

    init(
      number: Int, endpoint: String, isFound: Bool, socket: consuming ZMQSocket,
      state: GatewayLinkState
    ) {
      self.number = number
      self.endpoint = endpoint
      self.isFound = isFound
      self.socket = socket
      self.state = state
    }

    /// ZeroMQ gives an address up for good where something answered that it didn't understand: another
    /// program, a gateway with another key. Both may be gone tomorrow.
    /// - Returns: how many handshakes failed since the last call.
    func redialWhereFailed(now: Int64) -> Int {
      let failed = socket.takeFailedHandshakes()
      if failed > 0 { redialAt = redialAt ?? now + Self.redialMicroseconds }
      guard let due = redialAt, due <= now else { return failed }
      let isConnected = state.isWelcomed || (try? socket.reconnect(endpoint)) != nil
      redialAt = isConnected ? nil : now + Self.redialMicroseconds
      return failed
    }
  }

  /// Announcements beyond are left alone: whoever can write them shouldn't take all our sockets.
  private static let foundLimit = 256

  /// Shared with whoever shows metrics.
  package let counters = MessagingCounters()
  private let context: ZMQContext
  private let hello: Hello
  private let options: ZMQOptions
  private let timing: LinkTiming
  private let wakeup: Wakeup
  /// In the order of their numbers.
  private var links: [Link] = []
  private var nextNumber = 0
  private var poller: ZMQPoll
  private var events: [Event] = []
  /// Whose frames are read first, so that a busy gateway doesn't starve the others.
  private var firstToRead = 0
  /// Kept for `flush`, so that whoever queues an answer needn't handle it.
  private var sendFailure: ZMQError?

  /// Starts connecting to each of `gateways`; which of them stand shows in `welcomedCount`.
  ///
  /// - Parameters:
  ///   - hello: what the scorer calls itself, and the versions that it speaks.
  ///   - gateways: endpoints: `tcp://host:port` or `ipc:///path`. Their links have the numbers from 0 on.
  ///   - wakeup: rung by other threads to end `poll`.
  package init(
    hello: Hello, gateways: [String], wakeup: Wakeup, options: ZMQOptions = ZMQOptions(),
    timing: LinkTiming = LinkTiming()
  ) throws(ZMQError) {
    context = try ZMQContext()
    self.hello = hello
    self.options = options
    self.timing = timing
    self.wakeup = wakeup
    poller = ZMQPoll(sockets: [], wakeup: wakeup)
    for endpoint in gateways where !links.contains(where: { $0.endpoint == endpoint }) {
      try connect(to: endpoint, isFound: false)
    }
    watchLinks()
  }

  package var count: Int { links.count }
  package var welcomedCount: Int { links.count { $0.state.isWelcomed } }

  /// When `tick` has something to do next, in microseconds of `MonotonicClock`.
  package var nextTickMicroseconds: Int64 {
    links.reduce(Int64.max) { min($0, $1.state.nextTickMicroseconds) }
  }

  // MARK: Gateways that come and go

  /// Connects to gateways that announce themselves, and lets go of those that were found so, do it no
  /// more and are silent.
  ///
  /// - Parameter announced: all that stand now. Those that are connected already, by whatever address,
  ///   are left as they are.
  package func look(at announced: [GatewayAnnouncement]) throws(ZMQError) {
    let before = nextNumber
    let endpoints = Set(announced.map(\.endpoint))
    let gone = links.filter { link in
      link.isFound && !endpoints.contains(link.endpoint) && !link.state.isWelcomed
    }
    for link in gone { report(.gone(endpoint: link.endpoint), link.number) }
    var foundCount = links.count { $0.isFound } - gone.count
    for gateway in announced where isNew(gateway) && foundCount < Self.foundLimit {
      do throws(ZMQError) {
        report(.found(endpoint: gateway.endpoint), try connect(to: gateway.endpoint, isFound: true))
        foundCount += 1
      } catch {
        // A word in Redis is no reason to fall.
        report(.badAddress(endpoint: gateway.endpoint), nextNumber)
      }
    }
    if !gone.isEmpty || nextNumber > before { letGo(of: gone) }
  }

  private func isNew(_ gateway: GatewayAnnouncement) -> Bool {
    !gateway.endpoint.isEmpty
      && !links.contains { link in
        link.endpoint == gateway.endpoint
          || (link.state.isWelcomed && link.state.instance == gateway.instance)
      }
  }

  /// - Returns: the link's number.
  @discardableResult
  private func connect(to endpoint: String, isFound: Bool) throws(ZMQError) -> Int {
    var options = options
    var generator = SystemRandomNumberGenerator()
    options.watchesHandshakes = true
    options.routingID = .unique(name: hello.scorerID, using: &generator)
    let socket = try ZMQSocket.open(.dealer, in: context, options: options)
    try socket.connect(endpoint)
    links.append(
      Link(
        number: nextNumber, endpoint: endpoint, isFound: isFound, socket: socket,
        state: GatewayLinkState(hello: hello, timing: timing)))
    defer { nextNumber += 1 }
    return nextNumber
  }

  private func letGo(of gone: [Link]) {
    links.removeAll { link in gone.contains { $0 === link } }
    firstToRead = 0
    watchLinks()
  }

  private func watchLinks() {
    poller = ZMQPoll(sockets: links.map { $0.socket.handle }, wakeup: wakeup)
  }

  private func link(_ number: Int) -> Link? {
    // The first gateways keep their places for as long as no other goes.
    if number < links.count, links[number].number == number { return links[number] }
    return links.first { $0.number == number }
  }

  // MARK: Turns

  /// Sleeps until a message comes, someone rings, or time is up.
  /// - Parameter timeoutMilliseconds: 0 only looks.
  package func poll(timeoutMilliseconds: Int) throws(ZMQError) -> PollReadiness {
    try poller.wait(timeoutMilliseconds: timeoutMilliseconds)
  }

  /// Greets and beats where it is due.
  /// - Parameter status: asked once, and only when a beat is due.
  package func tick(now: Int64, status: () -> (beat: Beat, applied: StreamID)) {
    guard nextTickMicroseconds <= now else { return }
    for link in links { counters.countRefused(handshakes: link.redialWhereFailed(now: now)) }
    var known: (beat: Beat, applied: StreamID)?
    for link in links {
      for action in link.state.tick(now: now) {
        switch action {
        case .greet(let hello): queue(Record(message: .hello(hello)), on: link)
        case .beat:
          let current = known ?? status()
          known = current
          queue(Record(streamID: current.applied, message: .beat(current.beat)), on: link)
        case .report(let event): report(event, link.number)
        }
      }
    }
  }

  /// Reads what waits, without waiting for more. Requests go to `body` with their gateway's number;
  /// what concerns the link alone is taken care of.
  ///
  /// - Parameter limit: stops once so many records were read (and at the end of their frame).
  /// - Returns: how many records were read.
  @discardableResult
  package func receiveAll(
    limit: Int, now: Int64, _ body: (_ gateway: Int, _ record: Record) -> Void
  ) throws(ZMQError) -> Int {
    var count = 0
    var twins: [Link] = []
    for turn in links.indices {
      let link = links[(firstToRead + turn) % links.count]
      while count < limit {
        var frame: [Record]?
        let received = try link.socket.receive { part, index in
          frame = index == 0 ? try? RecordCodec.decodeAll(part) : nil
        }
        if !received { break }
        guard let records = frame else {
          counters.countMalformed()
          continue
        }
        count += max(1, records.count)
        for record in records {
          take(record, from: link, now: now, body)
          if case .welcome = record.message, let twin = twin(of: link) { twins.append(twin) }
        }
      }
    }
    if !links.isEmpty { firstToRead = (firstToRead + 1) % links.count }
    if !twins.isEmpty { letGo(of: twins) }
    return count
  }

  private func take(
    _ record: Record, from link: Link, now: Int64, _ body: (Int, Record) -> Void
  ) {
    let event = link.state.heard(record.message, requestID: record.requestID, now: now)
    if let event { report(event, link.number) }
    switch record.message {
    case .matchRequest, .batchRequest, .feedbackRequest, .inspectRequest:
      body(link.number, record)
    default: break
    }
  }

  /// Two links to one gateway would take turns in replacing each other there.
  /// - Returns: the one of them to be given up; nil when there are no two.
  private func twin(of welcomed: Link) -> Link? {
    let instance = welcomed.state.instance
    guard instance != 0 else { return nil }
    let other = links.first { link in
      link !== welcomed && link.state.isWelcomed && link.state.instance == instance
    }
    guard let other, let twin = [welcomed, other].first(where: \.isFound) else { return nil }
    report(
      .sameGateway(gatewayID: twin.state.gatewayID, endpoint: twin.endpoint), twin.number)
    return twin
  }

  /// What was agreed with a gateway; nil when it has gone.
  package func version(agreedWith gateway: Int) -> UInt8? { link(gateway)?.state.version }

  /// Puts `record` into the gateway's next frame, in the version that was agreed with it. A full
  /// frame goes at once, the rest with `flush`. What is for a gateway that has gone is dropped and
  /// counted, as in `flush`.
  package func queue(_ record: Record, to gateway: Int) {
    guard let link = link(gateway) else { return counters.countUndelivered() }
    queue(record, on: link)
  }

  private func queue(_ record: Record, on link: Link) {
    var record = record
    record.version = link.state.version
    guard link.batch.append(record) else { return counters.countOversize() }
    if link.batch.isFull { send(link) }
  }

  /// Sends what is queued. What can't go (the gateway is away) is dropped and counted: whoever
  /// asked there asks again elsewhere.
  /// - Throws: what ZeroMQ said of any send since the last flush.
  package func flush() throws(ZMQError) {
    for link in links where !link.batch.isEmpty { send(link) }
    if let failure = sendFailure {
      sendFailure = nil
      throw failure
    }
  }

  private func send(_ link: Link) {
    do {
      let outcome = try link.batch.withUnsafeBytes { (frame) throws(ZMQError) in
        try link.socket.send(frame)
      }
      if outcome != .sent { counters.countUndelivered() }
    } catch {
      sendFailure = error
    }
    link.batch.removeAll()
  }

  /// Beats with the next `tick`, because something changed that gateways should know at once.
  package func beatSoon() {
    for link in links { link.state.beatSoon() }
  }

  // MARK: The end

  /// Tells every gateway that nothing more may come. Answers may still be queued, and beats go on.
  package func sayGoodbye() throws(ZMQError) {
    for link in links where link.state.leave() { queue(Record(message: .goodbye), on: link) }
    try flush()
  }

  /// Goodbye was said, and whatever gateways had sent before they heard it has been read.
  package func hasLeft(now: Int64) -> Bool {
    links.allSatisfy { $0.state.hasLeft(now: now) }
  }

  /// Lets frames that were sent leave for up to so long when the set goes out of use.
  package func setLinger(milliseconds: Int32) throws(ZMQError) {
    for link in links { try link.socket.setLinger(milliseconds: milliseconds) }
  }

  /// What happened since the last call, for the log.
  package func takeEvents() -> [Event] {
    defer { events = [] }
    return events
  }

  private func report(_ event: LinkEvent, _ number: Int) {
    events.append(Event(gateway: number, event: event))
  }
}
