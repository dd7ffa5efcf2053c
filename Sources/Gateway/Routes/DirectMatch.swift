import Domain
import GatewayAPI
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOPosix
import OnePort
import ScorerClient

/// `POST /v1/match` answered on the connection's event loop. It takes only what a coordinator sends
/// in the ordinary course, credentials included; the route in `MatchRoutes` answers everything else.
struct DirectMatch: DirectRoute {
  /// What `RouterPath` makes of the path: both ways are counted as one.
  static let path = "/v1/match"

  private let desks: [ObjectIdentifier: MatchDesk]

  init(gateway: Gateway, envelope: RequestEnvelope, loops: MultiThreadedEventLoopGroup) {
    desks = Dictionary(
      uniqueKeysWithValues: loops.makeIterator().map { loop in
        (ObjectIdentifier(loop), MatchDesk(gateway: gateway, envelope: envelope, loop: loop))
      })
  }

  func connection(of channel: any Channel) -> any DirectConnection {
    Connection(desk: desks[ObjectIdentifier(channel.eventLoop)], channel: channel)
  }

  private final class Connection: DirectConnection {
    private let desk: MatchDesk?

    private weak let channel: (any Channel)?

    init(desk: MatchDesk?, channel: any Channel) {
      self.desk = desk
      self.channel = channel
    }

    func take(_ head: HTTPRequestHead) -> (any DirectCall)? {
      channel.flatMap { desk?.take(head, from: $0) }
    }
  }
}

/// The matches of one event loop: asked together, answered together.
final class MatchDesk: DispatchInbox {
  /// A match without its answer.
  fileprivate struct Open {
    var coordinator: String
    var query: MatchQuery?
    var requestID: String
    var started: ContinuousClock.Instant
    var reply: DirectReply
    var left: RateLimitFields?
  }

  private struct State {
    var open: [Open?] = []
    var freePlaces: [Int] = []
    /// Not asked yet: the rest of the loop's turn may bring more.
    var waiting: [MatchCall] = []
    var dateSecond: Int64 = -1
    var date = ""
  }

  private let gateway: Gateway
  private let envelope: RequestEnvelope
  private let matching: Matching
  private let series: RouteSeries
  private let loop: any EventLoop
  private let state: NIOLoopBoundBox<State>

  init(gateway: Gateway, envelope: RequestEnvelope, loop: any EventLoop) {
    self.gateway = gateway
    self.envelope = envelope
    self.loop = loop
    matching = Matching(gateway: gateway)
    series = gateway.metrics.route(DirectMatch.path)
    state = .makeBoxSendingValue(State(), eventLoop: loop)
  }

  /// - Returns: nil for what the router is to answer: unusual requests, and callers that it refuses.
  func take(_ head: HTTPRequestHead, from channel: any Channel) -> (any DirectCall)? {
    guard let fields = DirectMatchHead(head) else { return nil }
    let coordinator: String
    do {
      let client = gateway.addresses.client(of: channel, head.headers)
      guard gateway.addresses.allows(client, .coordinators) else { return nil }
      try envelope.signIns.check(
        SignIns.Attempt(client: client, token: nil, hasKey: true, isRead: false))
      coordinator = try gateway.addresses.certified(channel) {
        try gateway.callers.coordinator(key: fields.key, authorization: fields.authorization)
      }
    } catch { return nil }
    return DirectMatchCall(
      desk: self, coordinator: coordinator,
      requestID: RequestEnvelope.requestID(sent: fields.requestID))
  }

  fileprivate func ask(_ request: MatchRequest, _ open: Open) {
    let call: Int
    if let place = state.value.freePlaces.popLast() {
      call = place
      state.value.open[place] = open
    } else {
      call = state.value.open.count
      state.value.open.append(open)
    }
    state.value.waiting.append(
      MatchCall(
        call: call, query: request.query, deadlineMilliseconds: request.deadlineMilliseconds,
        after: gateway.acknowledged.upTo))
    if state.value.waiting.count == 1 { loop.execute { self.askWaiting() } }
  }

  private func askWaiting() {
    let calls = state.value.waiting
    state.value.waiting.removeAll(keepingCapacity: true)
    gateway.scorers.match(calls, inbox: self)
  }

  func deliver(_ deliveries: [MatchDelivery]) {
    loop.execute {
      for delivery in deliveries { self.finish(delivery) }
    }
  }

  private func finish(_ delivery: MatchDelivery) {
    guard let open = exchange(&state.value.open[delivery.call], with: nil),
      let query = open.query
    else { return }
    state.value.freePlaces.append(delivery.call)
    do {
      let body = try matching.answer(
        delivery.outcome.map(\.answer), to: query, of: open.coordinator, since: open.started)
      var headers: HTTPHeaders = [
        "Content-Type": "application/json", HTTPField.Name.requestID.rawName: open.requestID,
      ]
      if let left = open.left {
        headers.add(name: RateLimitFields.name, value: left.state)
        headers.add(name: RateLimitFields.policyName, value: left.policy)
      }
      send(ReadyResponse(status: .ok, headers: headers, body: body), to: open)
    } catch {
      refuse(open, error)
    }
  }

  fileprivate func refuse(_ open: Open, _ problem: Problem) {
    envelope.note(problem, problem, requestID: open.requestID, path: DirectMatch.path)
    send(ReadyResponse(problem, requestID: open.requestID), to: open)
  }

  private func send(_ response: ReadyResponse, to open: Open) {
    var response = response
    response.headers.add(name: "Date", value: date())
    series.answered(status: Int(response.status.code), after: .now - open.started)
    open.reply.send(response)
  }

  /// Made anew each second.
  private func date() -> String {
    let now = Timestamp.now
    if now.milliseconds / 1_000 != state.value.dateSecond {
      state.value.dateSecond = now.milliseconds / 1_000
      state.value.date = now.httpDate
    }
    return state.value.date
  }

  /// Counts it against its coordinator, then reads it.
  fileprivate func read(_ body: ByteBuffer, _ open: inout Open) throws(Problem) -> MatchRequest {
    do throws(Problem) {
      open.left = try gateway.limits.spend(.match, by: open.coordinator)
      return try body.matchRequest()
    } catch {
      gateway.metrics.matchRefused()
      throw error
    }
  }
}

/// One match that came in directly.
private final class DirectMatchCall: DirectCall {
  private let desk: MatchDesk
  private let coordinator: String
  private let requestID: String
  private let started = ContinuousClock.now

  init(desk: MatchDesk, coordinator: String, requestID: String) {
    self.desk = desk
    self.coordinator = coordinator
    self.requestID = requestID
  }

  func answer(body: ByteBuffer, _ reply: DirectReply) {
    var open = MatchDesk.Open(
      coordinator: coordinator, query: nil, requestID: requestID, started: started, reply: reply)
    do throws(Problem) {
      let request = try desk.read(body, &open)
      open.query = request.query
      desk.ask(request, open)
    } catch {
      desk.refuse(open, error)
    }
  }
}
