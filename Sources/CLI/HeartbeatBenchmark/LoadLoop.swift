import CLinux
import Glibc

/// Thousands of mock miners on one thread, by hand over epoll: cheap enough to load a gateway that shares
/// the machine.
///
/// Heartbeats are due at a fixed rate, whatever the server does, miner after miner, each with
/// one or with a burst. What is due while its miner still waits for an acknowledgement is left out and
/// counted as late; waiting counts from when a heartbeat was due, not from when it could be sent.
package struct LoadLoop: ~Copyable {
  private enum Phase { case connecting, connected, beating, draining, done }

  private struct Connection {
    enum State { case connecting, upgrading, open, gone }
    var socket: LoadSocket
    var state = State.connecting
    /// Of the last heartbeat, and of the last that was acknowledged.
    var sequence = 0
    var acknowledged = 0
    var dueNanoseconds: Int64 = 0
    var awaitsAcknowledgement = false
    var pause = RedialPause()
  }

  /// Connections being made at the same time.
  private static let openingLimit = 64
  private static let lookInterval: Int64 = 50_000_000
  private static let drainNanoseconds: Int64 = 5_000_000_000

  private let plan: LoadPlan
  private let tokens: [[UInt8]]
  private let epoll: Int32
  private var connections: [Connection] = []
  private var openingCount = 0
  private var redials = Redials()
  private var connects = ConnectCounts()
  /// What came of an answer that isn't whole yet, and what of a request couldn't be sent yet.
  private var partial: [Int: [UInt8]] = [:]
  private var unsent: [Int: [UInt8]] = [:]
  private var phase = Phase.connecting
  private var isOver = false
  private var state = LoadState()
  /// Heartbeats whose connection ended before their acknowledgement came.
  private var cutOffCount = 0
  private var startedAt: Int64 = 0
  private var beatingSince: Int64 = 0
  private var drainingSince: Int64 = 0
  private var dueCount = 0
  private var nextLook: Int64 = 0
  private var text: [UInt8] = []
  private var request: [UInt8] = []
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 16)

  package init(_ plan: LoadPlan) throws {
    self.plan = plan
    tokens = try plan.readTokens()
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    connections.reserveCapacity(tokens.count)
  }

  deinit {
    for connection in connections where connection.state != .gone { connection.socket.close() }
    close(epoll)
    buffer.deallocate()
  }

  /// Returns once it is told to end.
  package mutating func run() throws {
    var events = [epoll_event](repeating: epoll_event(), count: 512)
    startedAt = Self.now()
    while !isOver {
      if phase == .connecting { try dial() }
      for number in redials.take(until: Self.now()) { redial(number) }
      let count = epoll_wait(epoll, &events, Int32(events.count), phase == .beating ? 1 : 5)
      for event in events.prefix(max(0, Int(count))) { take(event) }
      if phase == .beating { beat(until: Self.now()) }
      let now = Self.now()
      if nextLook <= now {
        nextLook = now + Self.lookInterval
        try look(now: now)
      }
    }
  }

  // MARK: Phases

  private mutating func dial() throws {
    while openingCount < Self.openingLimit, connections.count < tokens.count {
      let number = connections.count
      let socket = try LoadSocket.connect(toPort: UInt16(plan.port), number: number)
      connections.append(Connection(socket: socket))
      connecting(number)
    }
  }

  private mutating func redial(_ number: Int) {
    do throws(LoadError) {
      connections[number].socket = try .connect(toPort: UInt16(plan.port), number: number)
      connections[number].state = .connecting
      connecting(number)
    } catch {
      connects.countTried(at: Self.now())
      state.lost += 1
      state.lastFault = error.description
      redialLater(number)
    }
  }

  private mutating func connecting(_ number: Int) {
    openingCount += 1
    connects.countTried(at: Self.now())
    watch(number, EPOLLOUT, with: EPOLL_CTL_ADD)
  }

  private mutating func redialLater(_ number: Int) {
    redials.add(number, at: Self.now() + connections[number].pause.takeNanoseconds())
  }

  private mutating func look(now: Int64) throws {
    isOver = plan.hasSignal("end")
    switch phase {
    case .connecting
    where connections.count == tokens.count && openingCount == 0 && redials.isEmpty:
      state.connectSeconds = Double(now - startedAt) / 1e9
      phase = .connected
      state.phase = .connected
    case .connected where plan.hasSignal("go"):
      phase = .beating
      state.phase = .beating
      beatingSince = now
    case .beating
    where Double(now - beatingSince) / 1e9 >= plan.seconds || plan.hasSignal("stop"):
      state.beatSeconds = Double(now - beatingSince) / 1e9
      phase = .draining
      drainingSince = now
    case .draining
    where state.acknowledged + cutOffCount == state.sent
      || now - drainingSince > Self.drainNanoseconds:
      phase = .done
      try plan.write(connects)
      try plan.write(last: connections.map(\.acknowledged))
      state.phase = .done
    default: break
    }
    if phase == .beating { state.beatSeconds = Double(now - beatingSince) / 1e9 }
    try plan.write(state)
  }

  /// Sends what has become due.
  private mutating func beat(until now: Int64) {
    let interval = Double(plan.burst) * 1e9 / plan.rate
    let wanted = Int(Double(now - beatingSince) / interval)
    while dueCount < wanted {
      let number = dueCount % connections.count
      let due = beatingSince + Int64(Double(dueCount) * interval)
      dueCount += 1
      guard connections[number].state == .open else { continue }
      if connections[number].awaitsAcknowledgement {
        state.late += plan.burst
        continue
      }
      connections[number].dueNanoseconds = due
      connections[number].awaitsAcknowledgement = true
      sendHeartbeats(number)
    }
  }

  private mutating func sendHeartbeats(_ number: Int) {
    request.removeAll(keepingCapacity: true)
    for _ in 0..<plan.burst {
      connections[number].sequence += 1
      text.removeAll(keepingCapacity: true)
      BenchMiner(index: plan.firstMiner + number)
        .appendHeartbeat(sequence: connections[number].sequence, to: &text)
      switch plan.transport {
      case .webSocket: LoadText.frame(opcode: 1, payload: text, to: &request)
      case .http: LoadText.post(token: tokens[number], body: text, to: &request)
      }
    }
    state.sent += plan.burst
    send(request, number)
  }

  // MARK: Sockets

  private mutating func take(_ event: epoll_event) {
    let number = Int(event.data.u64)
    if event.events & EPOLLOUT.rawValue != 0 { writable(number) }
    let readable = EPOLLIN.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue
    if event.events & readable != 0, connections[number].state != .gone { receive(number) }
  }

  private mutating func writable(_ number: Int) {
    if connections[number].state == .connecting {
      guard connections[number].socket.isConnected else { return lose(number, "refused") }
      watch(number, EPOLLIN, with: EPOLL_CTL_MOD)
      guard plan.transport == .webSocket else { return opened(number) }
      connections[number].state = .upgrading
      send(LoadText.upgrade(token: tokens[number]), number)
    } else if let rest = unsent.removeValue(forKey: number) {
      watch(number, EPOLLIN, with: EPOLL_CTL_MOD)
      send(rest, number)
    }
  }

  private mutating func opened(_ number: Int) {
    connections[number].state = .open
    connections[number].pause.succeeded()
    connects.countOpened(at: Self.now())
    openingCount -= 1
    state.held += 1
  }

  private mutating func send(_ bytes: [UInt8], _ number: Int) {
    let outcome = bytes.withUnsafeBytes { connections[number].socket.send($0) }
    switch outcome {
    case .bytes(bytes.count): break
    case .gone: lose(number, "cut off")
    case .later: keep(bytes[...], number)
    case .bytes(let count): keep(bytes[count...], number)
    }
  }

  private mutating func keep(_ rest: ArraySlice<UInt8>, _ number: Int) {
    unsent[number, default: []] += rest
    watch(number, EPOLL_EVENTS(EPOLLIN.rawValue | EPOLLOUT.rawValue), with: EPOLL_CTL_MOD)
  }

  private mutating func receive(_ number: Int) {
    switch connections[number].socket.receive(into: buffer) {
    case .later: break
    case .gone: lose(number, "cut off")
    case .bytes(let count):
      let fresh = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      guard var whole = partial.removeValue(forKey: number) else { return read(fresh, number) }
      whole += fresh
      whole.withUnsafeBytes { read($0, number) }
    }
  }

  private mutating func read(_ bytes: UnsafeRawBufferPointer, _ number: Int) {
    var rest = bytes
    while !rest.isEmpty, connections[number].state != .gone {
      let length: Int
      switch answer(rest, number) {
      case .acknowledged(let count, let sequence):
        acknowledged(number, sequence)
        length = count
      case .ping(let count, let payload):
        request.removeAll(keepingCapacity: true)
        LoadText.frame(opcode: 10, payload: rest[payload], to: &request)
        send(request, number)
        length = count
      case .other(let count):
        if connections[number].state == .upgrading { opened(number) }
        length = count
      case .goingAway(let count, let milliseconds):
        connections[number].pause.asked(milliseconds: milliseconds)
        length = count
      case .busy(let seconds):
        connections[number].pause.asked(seconds: seconds)
        return lose(number, "asked to come again")
      case .closing(let code): return lose(number, "closed with \(code)")
      case .refused(let reason): return lose(number, reason)
      case .incomplete:
        partial[number] = Array(rest)
        return
      }
      rest = UnsafeRawBufferPointer(rebasing: rest[length...])
    }
  }

  private func answer(_ bytes: UnsafeRawBufferPointer, _ number: Int) -> LoadText.Answer {
    if connections[number].state == .upgrading { return LoadText.readUpgrade(bytes) }
    switch plan.transport {
    case .webSocket: return LoadText.readFrame(bytes)
    case .http:
      return LoadText.readResponse(bytes, sequence: connections[number].sequence)
    }
  }

  private mutating func acknowledged(_ number: Int, _ sequence: Int) {
    let last = connections[number].acknowledged
    guard last < sequence, sequence <= connections[number].sequence else { return }
    connections[number].acknowledged = sequence
    connections[number].awaitsAcknowledgement = sequence < connections[number].sequence
    state.acknowledged += sequence - last
    state.latencies.record(nanoseconds: Self.now() - connections[number].dueNanoseconds)
  }

  private mutating func lose(_ number: Int, _ fault: String) {
    if connections[number].state == .open {
      state.held -= 1
    } else {
      openingCount -= 1
    }
    connections[number].state = .gone
    connections[number].socket.close()
    partial[number] = nil
    unsent[number] = nil
    state.lost += 1
    state.lastFault = fault
    if connections[number].awaitsAcknowledgement {
      connections[number].awaitsAcknowledgement = false
      cutOffCount += connections[number].sequence - connections[number].acknowledged
    }
    if plan.reconnects { redialLater(number) }
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
