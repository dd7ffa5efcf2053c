import Domain
import Foundation
import Synchronization
import Threads
import Wire

@testable import Messaging

/// A folder for sockets that goes away with its last reference.
final class SocketFolder: Sendable {
  let path: String

  init() throws {
    path = "/tmp/ph-\(UInt32.random(in: 0...UInt32.max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func endpoint(_ name: String) -> String { "ipc://\(path)/\(name)" }
}

extension ZMQSocket {
  func send(_ bytes: [UInt8]) throws -> SendOutcome { try bytes.withUnsafeBytes { try send($0) } }

  func send(_ bytes: [UInt8], to peer: PeerIdentity) throws -> SendOutcome {
    try bytes.withUnsafeBytes { try send($0, to: peer) }
  }
}

extension FrameBatch {
  var bytes: [UInt8] { withUnsafeBytes { Array($0) } }
}

/// Waits for `condition`, looking often.
/// - Returns: false when it didn't come true in 20 s.
func eventually(_ condition: () throws -> Bool) async rethrows -> Bool {
  let limit = ContinuousClock.now + .seconds(20)
  while ContinuousClock.now < limit {
    if try condition() { return true }
    try? await Task.sleep(for: .milliseconds(2))
  }
  return false
}

/// A ROUTER's thread that welcomes whoever greets, sends what it is told, and writes down what
/// comes.
final class TestRouter: Sendable {
  enum Command: Sendable {
    case send([Record])
    case end
  }

  struct Log {
    var endpoint: String?
    var peers: [PeerIdentity] = []
    var received: [Record] = []
    var goneCount = 0
    var isEnded = false
    var failure: ZMQError?
  }

  struct Handler: RouterHandler {
    let log: TestRouter
    var nextTickMicroseconds = Int64.max
    var isFinished = false

    mutating func perform(_ commands: [Command], now: Int64, outbox: inout RouterOutbox) {
      for command in commands {
        switch command {
        case .send(let records):
          guard let peer = log.log.withLock({ $0.peers.last }) else { continue }
          for record in records { outbox.send(record, to: peer) }
        case .end: isFinished = true
        }
      }
    }

    mutating func receive(
      _ records: [Record], from peer: PeerIdentity, now: Int64, outbox: inout RouterOutbox
    ) {
      for record in records {
        if case .hello = record.message {
          let welcome = Welcome(gatewayID: "test", version: 1, instance: log.instance)
          outbox.send(Record(message: .welcome(welcome)), to: peer)
        }
      }
      log.log.withLock { log in
        if !log.peers.contains(peer) { log.peers.append(peer) }
        log.received += records
      }
    }

    mutating func undeliverable(
      _ requestIDs: [UInt64], to peer: PeerIdentity, isGone: Bool, now: Int64,
      outbox: inout RouterOutbox
    ) {
      log.log.withLock { $0.goneCount += isGone ? requestIDs.count : 0 }
    }

    mutating func tick(now: Int64, outbox: inout RouterOutbox) {}
    mutating func end(unperformed: [Command]) {}
  }

  let instance: UInt64
  let log = Mutex(Log())
  let mailbox = Mailbox<Command>(limit: 100)
  let counters = MessagingCounters()

  /// Binds, and waits until it is bound or has failed.
  init(endpoint: String, instance: UInt64 = 0, options: ZMQOptions = ZMQOptions()) async {
    self.instance = instance
    Task {
      do throws(ZMQError) {
        try await RouterThread<Handler>.run(
          endpoint: endpoint, options: options, mailbox: mailbox, counters: counters,
          onBound: { [self] endpoint in log.withLock { $0.endpoint = endpoint } },
          makeHandler: { [self] in Handler(log: self) })
      } catch {
        log.withLock { $0.failure = error }
      }
      log.withLock { $0.isEnded = true }
    }
    _ = await eventually { log.withLock { $0.endpoint != nil || $0.isEnded } }
  }

  var endpoint: String { log.withLock { $0.endpoint ?? "" } }

  func replies() -> [UInt64] {
    log.withLock { log in
      log.received.compactMap { record in
        if case .matchReply = record.message { record.requestID } else { nil }
      }
    }
  }

  func send(_ records: [Record]) { _ = mailbox.post(.send(records), isUrgent: true) }

  func end() async -> Bool {
    _ = mailbox.post(.end, isUrgent: true)
    return await eventually { log.withLock { $0.isEnded } }
  }
}

/// A thread that answers each match with nothing, in turn, until it is told to end.
final class EchoScorer: Sendable {
  struct Log {
    var requests: [UInt64] = []
    var events: [LinkEvent] = []
    var isEnded = false
    /// To be looked at once.
    var announced: [GatewayAnnouncement]?
    var linkCount = 0
    var hasTurned = false
    var mustEnd = false
    var malformedFrames = 0
    var refusedHandshakes = 0
    var failure: ZMQError?
  }

  let log = Mutex(Log())
  private let wakeup = Wakeup()

  init(gateways: [String], curve: Curve? = nil) {
    startThread(name: "echo") { [self] in
      do throws(ZMQError) {
        var options = ZMQOptions()
        options.curve = curve
        try turn(
          DealerSet(
            hello: Hello(scorerID: "echo"), gateways: gateways, wakeup: wakeup, options: options))
      } catch {
        log.withLock { $0.failure = error }
      }
      log.withLock { $0.isEnded = true }
    }
  }

  private func turn(_ dealers: DealerSet) throws(ZMQError) {
    while !log.withLock({ $0.mustEnd }) {
      let now = MonotonicClock.microseconds()
      dealers.tick(now: now) { (Beat(), .zero) }
      try dealers.receiveAll(limit: 1_000, now: now) { gateway, record in
        log.withLock { $0.requests.append(record.requestID) }
        let answer = MatchAnswer(candidates: [], counts: nil)
        dealers.queue(
          Record(requestID: record.requestID, message: .matchReply(answer)), to: gateway)
      }
      try dealers.flush()
      if let announced = log.withLock({ $0.announced.take() }) { try dealers.look(at: announced) }
      let events = dealers.takeEvents().map(\.event)
      log.withLock { log in
        log.events += events
        log.linkCount = dealers.count
        log.hasTurned = true
        log.malformedFrames = dealers.counters.malformedFrames
        log.refusedHandshakes = dealers.counters.refusedHandshakes
      }
      let wait = max(0, dealers.nextTickMicroseconds - MonotonicClock.microseconds())
      _ = try dealers.poll(timeoutMilliseconds: Int(wait / 1_000 + 1))
    }
  }

  func look(at announced: [GatewayAnnouncement]) {
    log.withLock { $0.announced = announced }
    wakeup.ring()
  }

  func requests() -> [UInt64] { log.withLock { $0.requests } }

  func end() async -> Bool {
    log.withLock { $0.mustEnd = true }
    wakeup.ring()
    return await eventually { log.withLock { $0.isEnded } }
  }
}

func matches(_ ids: some Sequence<Int>) -> [Record] {
  ids.map { Record(requestID: UInt64($0), message: .matchRequest(MatchQuery(jobID: "job-\($0)"))) }
}
