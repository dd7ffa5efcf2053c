import Wire

/// How often and how long, on a scorer's side.
package struct LinkTiming: Equatable, Sendable {
  package var greetMicroseconds: Int64 = 100_000
  /// Between greetings of a gateway that speaks no version of ours.
  package var greetMismatchedMicroseconds: Int64 = 5_000_000
  package var beatMicroseconds: Int64 = 100_000
  /// A gateway that says nothing for so long has restarted or is gone.
  package var silenceMicroseconds: Int64 = 600_000

  package init() {}
}

/// What is worth a line in the log.
package enum LinkEvent: Equatable, Sendable {
  case welcomed(gatewayID: String, version: UInt8)
  case silent(gatewayID: String)
  /// It asked to be greeted: it doesn't know this connection.
  case forgotten
  /// Said once; greeting goes on slowly, for the day that it is updated.
  case versionMismatch
  /// By its announcement.
  case found(endpoint: String)
  /// It is silent, and announces itself no more.
  case gone(endpoint: String)
  /// It is connected by another address already, so this one is given up.
  case sameGateway(gatewayID: String, endpoint: String)
  /// Nobody can connect there.
  case badAddress(endpoint: String)
}

/// A scorer's view of one gateway: greet until welcomed, then beat; greet anew when it falls
/// silent. Pure: time comes in as microseconds, what to do goes out.
package struct GatewayLinkState: Equatable, Sendable {
  package enum Action: Equatable, Sendable {
    case greet(Hello)
    case beat
    case report(LinkEvent)
  }

  package enum Phase: Equatable, Sendable {
    case greeting
    /// The gateway and this scorer have no version in common.
    case mismatched
    case welcomed
    /// Goodbye was said: it beats until it is gone, and greets no more.
    case leaving
  }

  package private(set) var phase = Phase.greeting
  /// What both speak; before the welcome, the oldest that this build understands.
  package private(set) var version: UInt8
  /// Empty before the first welcome.
  package private(set) var gatewayID = ""
  /// Tells two starts of a gateway apart; 0 where it isn't told.
  package private(set) var instance: UInt64 = 0
  /// When `tick` has something to do next.
  package private(set) var nextTickMicroseconds: Int64 = 0

  private let hello: Hello
  private let timing: LinkTiming
  private var lastHeard: Int64 = 0
  /// The gateway has said that nothing more comes.
  private var isGoodbyeAnswered = false

  package init(hello: Hello, timing: LinkTiming = LinkTiming()) {
    self.hello = hello
    self.timing = timing
    version = hello.minVersion
  }

  package var isWelcomed: Bool { phase == .welcomed || phase == .leaving }

  /// What is due at `now`.
  package mutating func tick(now: Int64) -> [Action] {
    var actions: [Action] = []
    if phase == .welcomed && now - lastHeard >= timing.silenceMicroseconds {
      actions.append(.report(.silent(gatewayID: gatewayID)))
      phase = .greeting
      nextTickMicroseconds = now
    }
    guard nextTickMicroseconds <= now else { return actions }
    switch phase {
    case .greeting:
      actions.append(.greet(hello))
      nextTickMicroseconds = now + timing.greetMicroseconds
    case .mismatched:
      actions.append(.greet(hello))
      nextTickMicroseconds = now + timing.greetMismatchedMicroseconds
    case .welcomed, .leaving:
      actions.append(.beat)
      nextTickMicroseconds = now + timing.beatMicroseconds
    }
    return actions
  }

  /// Anything that came from the gateway, requests included: each is a sign of life.
  package mutating func heard(_ message: Message, requestID: UInt64, now: Int64) -> LinkEvent? {
    lastHeard = now
    switch message {
    case .goodbye:
      isGoodbyeAnswered = phase == .leaving
      return nil
    case .welcome(let welcome): return welcomed(welcome, now: now)
    case .failure(let failure) where requestID == 0: return refused(failure.code, now: now)
    default: return nil
    }
  }

  /// Makes the next `tick` beat at once: something changed that the gateway should know.
  package mutating func beatSoon() {
    if isWelcomed { nextTickMicroseconds = 0 }
  }

  /// Stops greeting.
  /// - Returns: whether the gateway is to be told goodbye.
  package mutating func leave() -> Bool {
    let isKnown = phase == .welcomed
    if !isKnown && phase != .leaving { isGoodbyeAnswered = true }
    phase = .leaving
    return isKnown
  }

  /// Goodbye was said, and no request can come any more: the gateway has said so too, never knew this
  /// scorer, is silent, or speaks a version in which it says nothing.
  package func hasLeft(now: Int64) -> Bool {
    guard phase == .leaving else { return false }
    return isGoodbyeAnswered || version < Self.goodbyeAnsweredVersion
      || now - lastHeard >= timing.silenceMicroseconds
  }

  private static let goodbyeAnsweredVersion: UInt8 = 3

  private mutating func welcomed(_ welcome: Welcome, now: Int64) -> LinkEvent? {
    guard phase != .leaving else { return nil }
    guard (hello.minVersion...hello.maxVersion).contains(welcome.version) else {
      return mismatched(now: now)
    }
    let isNews = phase != .welcomed || welcome.gatewayID != gatewayID
    phase = .welcomed
    version = welcome.version
    gatewayID = welcome.gatewayID
    instance = welcome.instance
    nextTickMicroseconds = now
    return isNews ? .welcomed(gatewayID: gatewayID, version: version) : nil
  }

  private mutating func refused(_ code: Failure.Code, now: Int64) -> LinkEvent? {
    guard phase != .leaving else { return nil }
    if code == .badRequest { return mismatched(now: now) }
    guard code == .notReady && phase == .welcomed else { return nil }
    phase = .greeting
    nextTickMicroseconds = now
    return .forgotten
  }

  private mutating func mismatched(now: Int64) -> LinkEvent? {
    let isNews = phase != .mismatched
    phase = .mismatched
    nextTickMicroseconds = now + timing.greetMismatchedMicroseconds
    return isNews ? .versionMismatch : nil
  }
}
