import Domain
import GatewayAPI
import HTTPTypes
import NIOCore
import NIOHTTP1
import OnePort
import ScorerClient
import Wire

/// The direct calls of one event loop: asked together, answered together.
final class CoordinatorDesk: DirectDesk, DispatchInbox {
  /// So many are asked at once and the rest of the loop's turn after them, so that scorers begin meanwhile.
  private static let askedTogether = 32

  fileprivate struct State {
    /// Calls without their answer, by the places that `DispatchCall` names.
    var open: [CoordinatorCall?] = []
    var freePlaces: [Int] = []
    /// Not asked yet: the rest of the loop's turn may bring more.
    var waiting: [DispatchCall] = []
    var isAboutToAsk = false
    var date = (second: Int64(-1), text: "")
  }

  private let gateway: Gateway
  private let envelope: RequestEnvelope
  private let matching: Matching
  private let reporting: Reporting
  private let matchSeries: RouteSeries
  private let feedbackSeries: RouteSeries
  private let loop: any EventLoop
  private let state: NIOLoopBoundBox<State>

  init(gateway: Gateway, envelope: RequestEnvelope, loop: any EventLoop) {
    self.gateway = gateway
    self.envelope = envelope
    self.loop = loop
    matching = Matching(gateway: gateway)
    reporting = Reporting(gateway: gateway)
    matchSeries = gateway.metrics.route(DirectPath.match.rawValue)
    feedbackSeries = gateway.metrics.route(DirectPath.feedback.rawValue)
    state = .makeBoxSendingValue(State(), eventLoop: loop)
  }

  /// - Returns: nil for what the router is to answer: unusual requests, and callers that it refuses.
  func take(_ head: HTTPRequestHead, from channel: any Channel) -> (any DirectCall)? {
    guard let fields = DirectHead(head) else { return nil }
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
    return CoordinatorCall(
      desk: self, head: fields, coordinator: coordinator,
      requestID: RequestEnvelope.requestID(sent: fields.requestID))
  }

  /// Counts the call against its coordinator, reads it, and hands it over.
  fileprivate func ask(_ body: ByteBuffer, _ call: CoordinatorCall, _ reply: DirectReply) {
    let asked: DispatchCall
    do throws(Problem) {
      asked =
        switch call.path {
        case .match: try match(body, call)
        case .feedback: try report(body, call)
        }
    } catch {
      refuse(call, error, reply)
      return reply.flush()
    }
    call.asked = asked.message
    call.reply = reply
    let (count, isAboutToAsk) = state.withValue { state in
      state.wait(asked, of: call)
      defer { state.isAboutToAsk = true }
      return (state.waiting.count, state.isAboutToAsk)
    }
    if count >= Self.askedTogether { askWaiting() }
    if !isAboutToAsk { loop.execute { self.askRest() } }
  }

  private func match(_ body: ByteBuffer, _ call: CoordinatorCall) throws(Problem) -> DispatchCall {
    do throws(Problem) {
      call.left = try gateway.limits.spend(.match, by: call.coordinator)
      let request = try body.matchRequest()
      return DispatchCall(
        call: 0, message: .matchRequest(request.query),
        deadlineMilliseconds: request.deadlineMilliseconds, after: gateway.acknowledged.upTo)
    } catch {
      gateway.metrics.matchRefused()
      throw error
    }
  }

  private func report(_ body: ByteBuffer, _ call: CoordinatorCall) throws(Problem) -> DispatchCall {
    call.left = try gateway.limits.spend(.feedback, by: call.coordinator)
    let report = try reporting.read(
      body, of: call.coordinator, idempotencyKey: call.idempotencyKey)
    return DispatchCall(
      call: 0, message: .feedbackRequest(report),
      deadlineMilliseconds: Reporting.deadlineMilliseconds)
  }

  private func askRest() {
    state.withValue { $0.isAboutToAsk = false }
    askWaiting()
  }

  private func askWaiting() {
    let calls = state.withValue { state in
      defer { state.waiting = [] }
      return state.waiting
    }
    if !calls.isEmpty { gateway.scorers.ask(calls, inbox: self) }
  }

  func deliver(_ deliveries: [DispatchDelivery]) {
    loop.execute {
      // Those of one connection leave together.
      let replies = deliveries.compactMap { self.finish($0) }
      for reply in replies { reply.flush() }
    }
  }

  /// - Returns: what the answer was written to, and is still to be flushed.
  private func finish(_ delivery: DispatchDelivery) -> DirectReply? {
    guard let call = state.withValue({ $0.take(delivery.call) }), let reply = call.reply.take()
    else { return nil }
    do throws(Problem) {
      let body = try body(of: delivery.outcome, call)
      var headers: HTTPHeaders = [
        "Content-Type": "application/json", HTTPField.Name.requestID.rawName: call.requestID,
      ]
      if let left = call.left {
        headers.add(name: RateLimitFields.name, value: left.state)
        headers.add(name: RateLimitFields.policyName, value: left.policy)
      }
      write(ReadyResponse(status: .ok, headers: headers, body: body), call, reply)
    } catch {
      refuse(call, error, reply)
    }
    return reply
  }

  private func body(
    of outcome: DispatchOutcome, _ call: CoordinatorCall
  ) throws(Problem) -> [UInt8] {
    switch call.asked {
    case .matchRequest(let query):
      try matching.answer(
        MatchReply.from(outcome).map(\.answer), to: query, of: call.coordinator,
        since: call.started)
    case .feedbackRequest(let report):
      try reporting.answer(FeedbackReply.from(outcome), to: report, since: call.started)
    default: throw Problem(DispatchError.faulty)
    }
  }

  private func refuse(_ call: CoordinatorCall, _ problem: Problem, _ reply: DirectReply) {
    envelope.note(problem, problem, requestID: call.requestID, path: call.path.rawValue)
    write(ReadyResponse(problem, requestID: call.requestID), call, reply)
  }

  private func write(_ response: ReadyResponse, _ call: CoordinatorCall, _ reply: DirectReply) {
    var response = response
    response.headers.add(name: "Date", value: state.withValue { $0.dateText(at: .now) })
    (call.path == .match ? matchSeries : feedbackSeries)
      .answered(status: Int(response.status.code), after: .now - call.started)
    reply.write(response)
  }
}

extension CoordinatorDesk.State {
  /// Keeps `call` until its answer comes.
  fileprivate mutating func wait(_ asked: DispatchCall, of call: CoordinatorCall) {
    var asked = asked
    if let place = freePlaces.popLast() {
      asked.call = place
      open[place] = call
    } else {
      asked.call = open.count
      open.append(call)
    }
    waiting.append(asked)
  }

  fileprivate mutating func take(_ place: Int) -> CoordinatorCall? {
    guard let call = open[place].take() else { return nil }
    freePlaces.append(place)
    return call
  }

  /// Made anew each second.
  fileprivate mutating func dateText(at now: Timestamp) -> String {
    let second = now.milliseconds / 1_000
    if second != date.second { date = (second, now.httpDate) }
    return date.text
  }
}

/// One request that came in directly, until it is answered.
private final class CoordinatorCall: DirectCall {
  private let desk: CoordinatorDesk
  let path: DirectPath
  let idempotencyKey: String?
  let coordinator: String
  let requestID: String
  let started = ContinuousClock.now
  /// nil: not read yet.
  var asked: Message?
  var reply: DirectReply?
  var left: RateLimitFields?

  init(desk: CoordinatorDesk, head: DirectHead, coordinator: String, requestID: String) {
    self.desk = desk
    self.coordinator = coordinator
    self.requestID = requestID
    path = head.path
    idempotencyKey = head.idempotencyKey
  }

  func answer(body: ByteBuffer, _ reply: DirectReply) { desk.ask(body, self, reply) }
}
