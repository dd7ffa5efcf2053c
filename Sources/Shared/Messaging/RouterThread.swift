import Glibc
import Threads
import Wire

/// What happens on a ROUTER's thread. All of it is called on that thread, with the time in
/// microseconds of `MonotonicClock`; whatever it puts in the outbox is sent right after.
package protocol RouterHandler: SendableMetatype {
  associatedtype Command: Sendable

  /// When `tick` is due next.
  var nextTickMicroseconds: Int64 { get }
  /// Once true, what is in the outbox is sent and the thread ends.
  var isFinished: Bool { get }

  /// What other threads posted, in order.
  mutating func perform(_ commands: [Command], now: Int64, outbox: inout RouterOutbox)
  /// One frame's records. Malformed frames never come here.
  mutating func receive(
    _ records: [Record], from peer: PeerIdentity, now: Int64, outbox: inout RouterOutbox)
  /// A frame could not be sent: its peer is gone (`isGone`), or takes no more at present.
  mutating func undeliverable(
    _ requestIDs: [UInt64], to peer: PeerIdentity, isGone: Bool, now: Int64,
    outbox: inout RouterOutbox)
  mutating func tick(now: Int64, outbox: inout RouterOutbox)
  /// All that came in together is done with, and what was in the outbox is sent.
  mutating func turnEnded()
  /// Somebody who connected was turned away.
  mutating func refused(_ refusal: LinkRefusal, now: Int64)
  /// After everything: the socket is closed, and nothing more is taken.
  mutating func end(unperformed: [Command])
}

extension RouterHandler {
  package mutating func turnEnded() {}
  package mutating func refused(_ refusal: LinkRefusal, now: Int64) {}
}

/// A thread that owns a ROUTER and takes turns: posted commands, what arrived, what is due, send.
package struct RouterThread<Handler: RouterHandler>: ~Copyable {
  /// Frames read in one turn, so that commands and deadlines get theirs.
  private static var framesPerTurn: Int { 128 }
  /// Between two looks at the handshakes that failed.
  private static var handshakeLookMicroseconds: Int64 { 200_000 }
  /// How long the last frames may take to leave when the thread ends.
  private static var closingLingerMilliseconds: Int32 { 200 }

  private let socket: ZMQSocket
  /// nil: links are plain.
  private let linkGuard: LinkGuard?
  private let poll: ZMQPoll
  private let mailbox: Mailbox<Handler.Command>
  private let counters: MessagingCounters
  private var handler: Handler
  private var outbox: RouterOutbox
  private var commands: [Handler.Command] = []
  private var lastPeer = PeerIdentity([])
  private var nextHandshakeLook: Int64 = 0

  /// Starts the thread and waits for its end.
  ///
  /// - Parameters:
  ///   - endpoint: where to bind: `tcp://address:port` or `ipc:///path`.
  ///   - onBound: told where it was bound, with the port that was found for `*`.
  /// - Throws: when the endpoint cannot be bound, or ZeroMQ fails for good.
  package static func run(
    endpoint: String, options: ZMQOptions, mailbox: Mailbox<Handler.Command>,
    counters: MessagingCounters, onBound: @escaping @Sendable (String) -> Void,
    makeHandler: @escaping @Sendable () -> Handler
  ) async throws(ZMQError) {
    let outcome: Result<Void, ZMQError> = await withCheckedContinuation { ended in
      startThread(name: "zmq-router") {
        var handler = makeHandler()
        let outcome = Result { () throws(ZMQError) in
          let context = try ZMQContext()
          var options = options
          options.watchesHandshakes = true
          let socket = try ZMQSocket.open(.router, in: context, options: options)
          let linkGuard = try LinkGuard.open(for: options.curve, in: context)
          try socket.bind(endpoint)
          onBound(try socket.boundEndpoint())
          var thread = RouterThread(
            socket: socket, linkGuard: linkGuard, mailbox: mailbox, counters: counters,
            handler: handler)
          defer { handler = thread.handler }
          try thread.turnUntilFinished()
        }
        handler.end(unperformed: mailbox.close())
        ended.resume(returning: outcome)
      }
    }
    try outcome.get()
  }

  private init(
    socket: consuming ZMQSocket, linkGuard: consuming LinkGuard?,
    mailbox: Mailbox<Handler.Command>, counters: MessagingCounters, handler: Handler
  ) {
    var polled = [socket.handle]
    if let asked = linkGuard?.handle { polled.append(asked) }
    poll = ZMQPoll(sockets: polled, wakeup: mailbox.wakeup)
    self.socket = socket
    self.linkGuard = linkGuard
    self.mailbox = mailbox
    self.counters = counters
    self.handler = handler
    outbox = RouterOutbox(counters: counters)
  }

  private mutating func turnUntilFinished() throws(ZMQError) {
    while !handler.isFinished {
      mailbox.takeAll(into: &commands)
      if !commands.isEmpty {
        handler.perform(commands, now: MonotonicClock.microseconds(), outbox: &outbox)
      }
      let frameCount = try receiveFrames()
      let now = MonotonicClock.microseconds()
      try guardLinks(now: now)
      noteFailedHandshakes(now: now)
      if handler.nextTickMicroseconds <= now { handler.tick(now: now, outbox: &outbox) }
      let wasBusy = frameCount > 0 || !commands.isEmpty || !outbox.isEmpty
      try sendFrames()
      handler.turnEnded()
      if !wasBusy { try sleep(now: now) }
    }
    try sendFrames()
    handler.turnEnded()
    try socket.setLinger(milliseconds: Self.closingLingerMilliseconds)
  }

  private mutating func guardLinks(now: Int64) throws(ZMQError) {
    guard let refused = try linkGuard?.answerAll(), !refused.isEmpty else { return }
    counters.countRefused(keys: refused.count)
    for refusal in refused { handler.refused(refusal, now: now) }
  }

  private mutating func noteFailedHandshakes(now: Int64) {
    guard nextHandshakeLook <= now else { return }
    nextHandshakeLook = now + Self.handshakeLookMicroseconds
    let count = socket.takeFailedHandshakes()
    if count == 0 { return }
    counters.countRefused(handshakes: count)
    handler.refused(.handshakes(count), now: now)
  }

  private func sleep(now: Int64) throws(ZMQError) {
    guard mailbox.prepareToSleep() else { return }
    // Rounded up: waking before the deadline would only mean sleeping again.
    let milliseconds = max(0, (handler.nextTickMicroseconds - now + 999) / 1_000)
    _ = try poll.wait(timeoutMilliseconds: Int(min(milliseconds, 1_000)))
    mailbox.stayAwake()
  }

  private mutating func receiveFrames() throws(ZMQError) -> Int {
    var count = 0
    var records: [Record]?
    var peer = lastPeer
    while count < Self.framesPerTurn {
      let received = try socket.receive { part, index in
        switch index {
        case 0:
          records = nil
          if !part.elementsEqual(peer.bytes) { peer = PeerIdentity(Array(part)) }
        case 1: records = try? RecordCodec.decodeAll(part)
        default: records = nil
        }
      }
      if !received { break }
      count += 1
      if let records {
        handler.receive(
          records, from: peer, now: MonotonicClock.microseconds(), outbox: &outbox)
      } else {
        counters.countMalformed()
      }
    }
    lastPeer = peer
    return count
  }

  /// Sends all that waits. A frame that cannot go may make the handler send others in its place;
  /// each time it has one peer fewer to send to, so this ends.
  private mutating func sendFrames() throws(ZMQError) {
    while !outbox.isEmpty {
      var refused: [(peer: PeerIdentity, requestIDs: [UInt64], isGone: Bool)] = []
      try outbox.drain { (frame) throws(ZMQError) in
        let outcome = try frame.batch.withUnsafeBytes { (bytes) throws(ZMQError) in
          try socket.send(bytes, to: frame.peer)
        }
        if outcome == .sent { return }
        counters.countUndelivered()
        refused.append((frame.peer, frame.batch.requestIDs, outcome == .unreachable))
      }
      let now = MonotonicClock.microseconds()
      for frame in refused {
        handler.undeliverable(
          frame.requestIDs, to: frame.peer, isGone: frame.isGone, now: now, outbox: &outbox)
      }
    }
  }
}
