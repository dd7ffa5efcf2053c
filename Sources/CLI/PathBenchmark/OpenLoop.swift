import CBenchmark
import Glibc
import HeartbeatBenchmark
import Threads

/// HTTP requests at a fixed rate, whatever the server does, over connections that are kept, from one thread.
///
/// Each has its moment. One that is due while no connection has room waits its turn, and its latency counts from
/// when it was due: a server that stands still for a moment can't hide it. Those that are due together leave
/// together where connections take several before they are answered.
package struct OpenLoop: ~Copyable {
  package struct Result: Sendable {
    package var answered = 0
    /// Answered with anything but 200.
    package var refused = 0
    /// Due and never answered.
    package var lost = 0
    /// From the first request's moment to the last answer.
    package var seconds = 0.0
    package var perSecond: Double { seconds > 0 ? Double(answered) / seconds : 0 }
    package var p50Milliseconds = 0.0
    package var p99Milliseconds = 0.0
  }

  private struct Connection {
    var socket: LoadSocket
    /// The requests that wait for their answers, which come in their order.
    var waiting: ArraySlice<Int> = []
    var received: [UInt8] = []
  }

  private static let connectLimit: Int64 = 5_000_000_000
  /// How long after the last request answers are waited for.
  private static let drainLimit: Int64 = 2_000_000_000
  private static let longestWait: Int64 = 50_000_000

  private let requests: [[UInt8]]
  private let interval: Double
  private let tick: Int64
  private let count: Int
  private let epoll: Int32
  private var connections: [Connection] = []
  private let pipelined: Int
  /// Those that have room.
  private var free: [Int] = []
  private var outgoing: [UInt8] = []
  private var nextRequest = 0
  private var startedAt: Int64 = 0
  private var latencies: [Int64] = []
  private var result = Result()
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)

  /// - Parameters:
  ///   - pipelined: how many requests of a connection may be unanswered.
  ///   - requests: whole HTTP requests, sent in turn and over again.
  ///   - tick: nanoseconds. Those that become due within one may leave together at its end: latencies, which count
  ///     from when each was due, grow by as much at most, and the cores that are measured are spared the wake-ups.
  package init(
    port: Int, connections: Int, pipelined: Int = 1, requests: [[UInt8]], perSecond: Double,
    seconds: Double, tick: Int64 = 0
  ) throws {
    self.requests = requests
    self.pipelined = pipelined
    self.tick = tick
    interval = 1e9 / perSecond
    count = max(1, Int(perSecond * seconds))
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    latencies.reserveCapacity(count)
    for number in 0..<connections {
      let socket = try LoadSocket.connect(toPort: UInt16(port), number: number)
      self.connections.append(Connection(socket: socket))
      watch(number, EPOLLOUT, with: EPOLL_CTL_ADD)
    }
  }

  deinit {
    for connection in connections { connection.socket.close() }
    close(epoll)
    buffer.deallocate()
  }

  /// Blocks its thread until all are answered, or nobody answers any more.
  package mutating func run() throws -> Result {
    _ = set_exact_timers()
    var events = [epoll_event](repeating: epoll_event(), count: 256)
    try waitUntilConnected(&events)
    startedAt = Self.now()
    var last = startedAt
    let end = due(count) + Self.drainLimit
    while result.answered + result.refused < count {
      let now = Self.now()
      if now > end { break }
      send(until: now)
      let ready = epoll_wait_nanoseconds(epoll, &events, Int32(events.count), wait(from: now))
      for event in events.prefix(max(0, Int(ready))) { try receive(Int(event.data.u64)) }
      if ready > 0 { last = Self.now() }
    }
    result.lost = count - result.answered - result.refused
    result.seconds = Double(last - startedAt) / 1e9
    latencies.sort()
    result.p50Milliseconds = quantile(0.5)
    result.p99Milliseconds = quantile(0.99)
    return result
  }

  private func due(_ request: Int) -> Int64 { startedAt + Int64(Double(request) * interval) }

  /// Until the next request is due and can be sent.
  private func wait(from now: Int64) -> Int64 {
    guard nextRequest < count, !free.isEmpty else { return Self.longestWait }
    return min(Self.longestWait, max(tick, due(nextRequest) - now))
  }

  private mutating func waitUntilConnected(_ events: inout [epoll_event]) throws {
    let limit = Self.now() + Self.connectLimit
    while free.count < connections.count {
      let ready = epoll_wait(epoll, &events, Int32(events.count), 100)
      for event in events.prefix(max(0, Int(ready))) {
        let number = Int(event.data.u64)
        guard connections[number].socket.isConnected else {
          throw BenchmarkError("the server refused a connection")
        }
        watch(number, EPOLLIN, with: EPOLL_CTL_MOD)
        free.append(number)
      }
      if Self.now() > limit { throw BenchmarkError("the server took no connections") }
    }
  }

  private mutating func send(until now: Int64) {
    while nextRequest < count, due(nextRequest) <= now, let number = free.popLast() {
      outgoing.removeAll(keepingCapacity: true)
      while nextRequest < count, due(nextRequest) <= now,
        connections[number].waiting.count < pipelined
      {
        outgoing += requests[nextRequest % requests.count]
        connections[number].waiting.append(nextRequest)
        nextRequest += 1
      }
      if connections[number].waiting.count < pipelined { free.append(number) }
      // A few requests fit into a socket's room; what doesn't is lost, and counted so.
      _ = outgoing.withUnsafeBytes { connections[number].socket.send($0) }
    }
  }

  private mutating func receive(_ number: Int) throws {
    switch connections[number].socket.receive(into: buffer) {
    case .later: return
    case .gone:
      // It may end one that nothing is asked on, as it does with those that were never needed.
      guard connections[number].waiting.isEmpty, free.count > 1 else {
        throw BenchmarkError("the server ended a connection")
      }
      free.removeAll { $0 == number }
      watch(number, EPOLL_EVENTS(rawValue: 0), with: EPOLL_CTL_DEL)
    case .bytes(let count):
      let fresh = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      if connections[number].received.isEmpty {
        let left = take(fresh, number)
        connections[number].received += fresh.suffix(left)
      } else {
        var received = connections[number].received
        connections[number].received = []
        received += fresh
        let left = received.withUnsafeBytes { take($0, number) }
        connections[number].received = received.suffix(left)
      }
    }
  }

  /// Takes all whole answers.
  /// - Returns: how many bytes are left.
  private mutating func take(_ bytes: UnsafeRawBufferPointer, _ number: Int) -> Int {
    var rest = bytes
    while let answer = HTTPAnswer.first(in: rest) {
      answered(number, answer.status)
      rest = UnsafeRawBufferPointer(rebasing: rest[answer.byteCount...])
    }
    return rest.count
  }

  private mutating func answered(_ number: Int, _ status: Int) {
    guard let request = connections[number].waiting.popFirst() else { return }
    if connections[number].waiting.count == pipelined - 1 { free.append(number) }
    if status == 200 {
      result.answered += 1
      latencies.append(Self.now() - due(request))
    } else {
      result.refused += 1
    }
  }

  private func quantile(_ share: Double) -> Double {
    if latencies.isEmpty { return 0 }
    let place = min(latencies.count - 1, Int(Double(latencies.count) * share))
    return Double(latencies[place]) / 1e6
  }

  private func watch(_ number: Int, _ events: EPOLL_EVENTS, with operation: Int32) {
    var event = epoll_event()
    event.events = events.rawValue
    event.data.u64 = UInt64(number)
    epoll_ctl(epoll, operation, connections[number].socket.descriptor, &event)
  }

  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

extension OpenLoop {
  /// The whole of it, on a thread of its own.
  package static func run(
    port: Int, connections: Int, pipelined: Int = 1, requests: [[UInt8]], perSecond: Double,
    seconds: Double, tick: Int64 = 0
  ) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      startThread(name: "open-loop") {
        do {
          var loop = try OpenLoop(
            port: port, connections: connections, pipelined: pipelined, requests: requests,
            perSecond: perSecond, seconds: seconds, tick: tick)
          continuation.resume(returning: try loop.run())
        } catch {
          continuation.resume(throwing: error)
        }
      }
    }
  }
}
