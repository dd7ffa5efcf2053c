import ArgumentParser
import CBenchmark
import CLinux
import CZeroMQ
import Glibc

/// The benchmarks' floor for what lies between a gateway and a scorer: two processes with a ZeroMQ socket each and
/// nothing else to do.
@main
struct BareZeroMQ: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bare-zeromq", subcommands: [Answer.self, Ask.self])
}

/// Answers every message with a constant. Ends on SIGTERM.
struct Answer: ParsableCommand {
  @OptionGroup var place: Place

  @Option(help: "How long an answer is.")
  var answerBytes = 564

  func run() throws {
    place.hold()
    let socket = try Socket(ZMQ_ROUTER)
    try socket.check(zmq_bind(socket.handle, place.endpoint))
    let answer = [UInt8](repeating: UInt8(ascii: "x"), count: answerBytes)
    var asker = [UInt8](repeating: 0, count: 256)
    var request = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = try socket.check(zmq_recv(socket.handle, &asker, asker.count, 0))
      try socket.check(zmq_recv(socket.handle, &request, request.count, 0))
      try socket.check(zmq_send(socket.handle, asker, Int(count), ZMQ_SNDMORE))
      try socket.check(zmq_send(socket.handle, answer, answer.count, 0))
    }
  }
}

/// Asks at a fixed rate and prints the answers' latencies, each from when its request was due.
struct Ask: ParsableCommand {
  /// A gateway's request to a scorer is about as long.
  private static let requestBytes = 300
  /// How long an answer is waited for when nothing else is to be sent.
  private static let patience: Int32 = 2_000

  @OptionGroup var place: Place

  @Option(help: "Requests/s.")
  var rate: Double

  @Option(help: "For how long, in seconds.")
  var seconds: Double

  func validate() throws {
    guard rate >= 1, rate <= 1_000_000, seconds > 0, seconds <= 3_600 else {
      throw ValidationError("--rate must be 1 to 1000000, --seconds 0 to 3600")
    }
  }

  func run() throws {
    place.hold()
    _ = set_exact_timers()
    let socket = try Socket(ZMQ_DEALER, timeoutMilliseconds: Self.patience)
    try socket.check(zmq_connect(socket.handle, place.endpoint))
    let request = [UInt8](repeating: UInt8(ascii: "x"), count: Self.requestBytes)
    var answer = [UInt8](repeating: 0, count: 1_048_576)
    func roundTrip() throws {
      try socket.check(zmq_send(socket.handle, request, request.count, 0))
      try socket.check(zmq_recv(socket.handle, &answer, answer.count, 0))
    }
    // The connection stands when this returns.
    try roundTrip()

    let count = max(1, Int(rate * seconds))
    var latencies: [Int64] = []
    latencies.reserveCapacity(count)
    var sent = 0
    let start = Self.now()
    func due(_ number: Int) -> Int64 { start + Int64(Double(number) * 1e9 / rate) }
    while latencies.count < count {
      while sent < count, due(sent) <= Self.now() {
        try socket.check(zmq_send(socket.handle, request, request.count, 0))
        sent += 1
      }
      // They come in their order.
      while zmq_recv(socket.handle, &answer, answer.count, ZMQ_DONTWAIT) >= 0 {
        latencies.append(Self.now() - due(latencies.count))
      }
      let next = sent < count ? due(sent) : due(count) + Int64(Self.patience) * 1_000_000
      let left = next - Self.now()
      if sent == count, left < 0 { throw Failure("some requests were never answered") }
      if left > 0 { try socket.waitForMessage(nanoseconds: left) }
    }
    latencies.sort()
    func milliseconds(_ share: Double) -> Double {
      Double(latencies[min(count - 1, Int(Double(count) * share))]) / 1e6
    }
    print(#"{"p50_ms":\#(milliseconds(0.5)),"p99_ms":\#(milliseconds(0.99))}"#)
  }

  private static func now() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}

struct Place: ParsableArguments {
  @Option(help: "Where both meet, as ipc:///PATH.")
  var endpoint: String

  @Option(help: "The processor to stay on, of the first 64.")
  var core: Int?

  /// ZeroMQ's own thread follows, so this comes first.
  func hold() {
    if let core, 0..<64 ~= core { _ = hold_to_processors(0, 1 << UInt64(core)) }
  }
}

private struct Socket: ~Copyable {
  let handle: UnsafeMutableRawPointer
  private let epoll = epoll_create1(0)

  /// - Parameter timeoutMilliseconds: after which what waits fails; -1: never.
  init(_ kind: Int32, timeoutMilliseconds: Int32 = -1) throws {
    guard let context = zmq_ctx_new(), let handle = zmq_socket(context, kind) else {
      throw Failure("zmq_socket")
    }
    self.handle = handle
    var timeout = timeoutMilliseconds
    for option in [ZMQ_SNDTIMEO, ZMQ_RCVTIMEO] {
      zmq_setsockopt(handle, option, &timeout, MemoryLayout<Int32>.size)
    }
    var (descriptor, size) = (Int32(-1), MemoryLayout<Int32>.size)
    zmq_getsockopt(handle, ZMQ_FD, &descriptor, &size)
    var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t())
    epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
  }

  @discardableResult
  func check(_ result: Int32) throws -> Int32 {
    if result < 0 { throw Failure(String(cString: zmq_strerror(zmq_errno()))) }
    return result
  }

  func waitForMessage(nanoseconds: Int64) throws {
    // Asking takes what the descriptor told off it, so it comes before each sleep.
    var (events, size) = (Int32(0), MemoryLayout<Int32>.size)
    try check(zmq_getsockopt(handle, ZMQ_EVENTS, &events, &size))
    if events & ZMQ_POLLIN != 0 { return }
    var event = epoll_event()
    _ = epoll_wait_nanoseconds(epoll, &event, 1, nanoseconds)
  }
}

private struct Failure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
