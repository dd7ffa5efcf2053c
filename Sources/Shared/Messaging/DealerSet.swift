import Domain
import Glibc
import Threads
import Wire

/// A scorer's connections, one DEALER to each gateway, for the one thread that also owns its index:
/// poll, receive, queue, flush. Greeting and beating are part of it.
///
/// Not `Sendable`: make it on the thread that uses it.
package final class DealerSet {
  /// What happened on a link, with its gateway's place among the endpoints.
  package struct Event: Equatable, Sendable {
    package var gateway: Int
    package var event: LinkEvent
  }

  private final class Link {
    let socket: ZMQSocket
    var state: GatewayLinkState
    var batch = FrameBatch()

    init(socket: consuming ZMQSocket, state: GatewayLinkState) {
      self.socket = socket
      self.state = state
    }
  }

  /// Shared with whoever shows metrics.
  package let counters = MessagingCounters()
  private let links: [Link]
  private let poller: ZMQPoll
  private var events: [Event] = []
  /// Whose frames are read first, so that a busy gateway doesn't starve the others.
  private var firstToRead = 0
  /// Kept for `flush`, so that whoever queues an answer needn't handle it.
  private var sendFailure: ZMQError?

  /// Starts connecting to each of `gateways`; which of them stand shows in `welcomedCount`.
  ///
  /// - Parameters:
  ///   - hello: what the scorer calls itself, and the versions that it speaks.
  ///   - gateways: endpoints: `tcp://host:port` or `ipc:///path`.
  ///   - wakeup: rung by other threads to end `poll`.
  package init(
    hello: Hello, gateways: [String], wakeup: Wakeup, options: ZMQOptions = ZMQOptions(),
    timing: LinkTiming = LinkTiming()
  ) throws(ZMQError) {
    let context = try ZMQContext()
    var generator = SystemRandomNumberGenerator()
    var links: [Link] = []
    for endpoint in gateways {
      var options = options
      options.routingID = .unique(name: hello.scorerID, using: &generator)
      let socket = try ZMQSocket.open(.dealer, in: context, options: options)
      try socket.connect(endpoint)
      links.append(Link(socket: socket, state: GatewayLinkState(hello: hello, timing: timing)))
    }
    self.links = links
    poller = ZMQPoll(sockets: links.map { $0.socket.handle }, wakeup: wakeup)
  }

  package var count: Int { links.count }
  package var welcomedCount: Int { links.count { $0.state.isWelcomed } }

  /// When `tick` has something to do next, in microseconds of `MonotonicClock`.
  package var nextTickMicroseconds: Int64 {
    links.reduce(Int64.max) { min($0, $1.state.nextTickMicroseconds) }
  }

  /// Sleeps until a message comes, someone rings, or time is up.
  /// - Parameter timeoutMilliseconds: 0 only looks.
  package func poll(timeoutMilliseconds: Int) throws(ZMQError) -> PollReadiness {
    try poller.wait(timeoutMilliseconds: timeoutMilliseconds)
  }

  /// Greets and beats where it is due.
  /// - Parameter status: asked once, and only when a beat is due.
  package func tick(now: Int64, status: () -> (beat: Beat, applied: StreamID)) {
    guard nextTickMicroseconds <= now else { return }
    var known: (beat: Beat, applied: StreamID)?
    for (gateway, link) in links.enumerated() {
      for action in link.state.tick(now: now) {
        switch action {
        case .greet(let hello): queue(Record(message: .hello(hello)), to: gateway)
        case .beat:
          let current = known ?? status()
          known = current
          queue(Record(streamID: current.applied, message: .beat(current.beat)), to: gateway)
        case .report(let event): events.append(Event(gateway: gateway, event: event))
        }
      }
    }
  }

  /// Reads what waits, without waiting for more. Requests go to `body` with their gateway's place;
  /// what concerns the link alone is taken care of.
  ///
  /// - Parameter limit: stops once so many records were read (and at the end of their frame).
  /// - Returns: how many records were read.
  @discardableResult
  package func receiveAll(
    limit: Int, now: Int64, _ body: (_ gateway: Int, _ record: Record) -> Void
  ) throws(ZMQError) -> Int {
    var count = 0
    for turn in links.indices {
      let gateway = (firstToRead + turn) % links.count
      while count < limit {
        var frame: [Record]?
        let received = try links[gateway].socket.receive { part, index in
          frame = index == 0 ? try? RecordCodec.decodeAll(part) : nil
        }
        if !received { break }
        guard let records = frame else {
          counters.countMalformed()
          continue
        }
        count += max(1, records.count)
        for record in records { take(record, from: gateway, now: now, body) }
      }
    }
    if !links.isEmpty { firstToRead = (firstToRead + 1) % links.count }
    return count
  }

  /// Puts `record` into the gateway's next frame, in the version that was agreed with it. A full
  /// frame goes at once, the rest with `flush`.
  package func queue(_ record: Record, to gateway: Int) {
    let link = links[gateway]
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

  /// Beats with the next `tick`, because something changed that gateways should know at once.
  package func beatSoon() {
    for link in links { link.state.beatSoon() }
  }

  /// Tells every gateway that nothing more may come. Answers may still be queued, and beats go on.
  package func sayGoodbye() throws(ZMQError) {
    for (gateway, link) in links.enumerated() where link.state.leave() {
      queue(Record(message: .goodbye), to: gateway)
    }
    try flush()
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

  private func take(
    _ record: Record, from gateway: Int, now: Int64, _ body: (Int, Record) -> Void
  ) {
    let link = links[gateway]
    let event = link.state.heard(record.message, requestID: record.requestID, now: now)
    if let event { events.append(Event(gateway: gateway, event: event)) }
    switch record.message {
    case .matchRequest, .feedbackRequest, .inspectRequest: body(gateway, record)
    default: break
    }
  }

  private func send(_ link: Link) {
    do {
      if try link.socket.send(link.batch.bytes) != .sent { counters.countUndelivered() }
    } catch {
      sendFailure = error
    }
    link.batch.removeAll()
  }
}
