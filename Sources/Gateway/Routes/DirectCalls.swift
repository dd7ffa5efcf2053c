import Domain
import GatewayAPI
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOPosix
import OnePort
import ScorerClient

/// Matches and feedback answered on the connection's event loop. It takes only what a coordinator sends
/// in the ordinary course, credentials included; the routes in `MatchRoutes` answer everything else.
struct DirectCalls: DirectRoute {
  private let desks: [ObjectIdentifier: DirectDesk]

  init(gateway: Gateway, envelope: RequestEnvelope, loops: MultiThreadedEventLoopGroup) {
    desks = Dictionary(
      uniqueKeysWithValues: loops.makeIterator().map { loop in
        (ObjectIdentifier(loop), DirectDesk(gateway: gateway, envelope: envelope, loop: loop))
      })
  }

  func connection(of channel: any Channel) -> any DirectConnection {
    Connection(desk: desks[ObjectIdentifier(channel.eventLoop)], channel: channel)
  }

  private final class Connection: DirectConnection {
    private let desk: DirectDesk?

    private weak let channel: (any Channel)?

    init(desk: DirectDesk?, channel: any Channel) {
      self.desk = desk
      self.channel = channel
    }

    func take(_ head: HTTPRequestHead) -> (any DirectCall)? {
      channel.flatMap { desk?.take(head, from: $0) }
    }
  }
}

/// The direct calls of one event loop: asked together, answered together.
final class DirectDesk: DispatchInbox {
  fileprivate enum Asked {
    case match(MatchQuery)
    case feedback(FeedbackReport)
  }

  /// A call without its answer.
  fileprivate struct Open {
    var path: DirectPath
    var coordinator: String
    /// nil: not read yet.
    var asked: Asked?
    var requestID: String
    var started: ContinuousClock.Instant
    var reply: DirectReply
    var left: RateLimitFields?
  }

  private struct State {
    var open: [Open?] = []
    var freePlaces: [Int] = []
    /// Not asked yet: the rest of the loop's turn may bring more.
    var matches: [MatchCall] = []
    var reports: [FeedbackCall] = []
    var isAboutToAsk = false
    var dateSecond: Int64 = -1
    var date = ""
  }

  private let gateway: Gateway
  private let envelope: RequestEnvelope
  private let matching: Matching
  private let reporting: Reporting
  private let series: [DirectPath: RouteSeries]
  private let loop: any EventLoop
  private let state: NIOLoopBoundBox<State>

  init(gateway: Gateway, envelope: RequestEnvelope, loop: any EventLoop) {
    self.gateway = gateway
    self.envelope = envelope
    self.loop = loop
    matching = Matching(gateway: gateway)
    reporting = Reporting(gateway: gateway)
    series = Dictionary(
      uniqueKeysWithValues: DirectPath.allCases.map { ($0, gateway.metrics.route($0.rawValue)) })
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
    return DeskCall(
      desk: self, head: fields, coordinator: coordinator,
      requestID: RequestEnvelope.requestID(sent: fields.requestID))
  }

  /// Counts the call against its coordinator, reads it, and hands it over.
  fileprivate func ask(_ body: ByteBuffer, idempotencyKey: String?, _ call: Open) {
    var open = call
    do throws(Problem) {
      switch open.path {
      case .match:
        let request = try matchRequest(body, &open)
        open.asked = .match(request.query)
        state.value.matches.append(
          MatchCall(
            call: keep(open), query: request.query,
            deadlineMilliseconds: request.deadlineMilliseconds, after: gateway.acknowledged.upTo))
      case .feedback:
        open.left = try gateway.limits.spend(.feedback, by: open.coordinator)
        let report = try reporting.read(
          body, of: open.coordinator, idempotencyKey: idempotencyKey)
        open.asked = .feedback(report)
        state.value.reports.append(
          FeedbackCall(
            call: keep(open), report: report,
            deadlineMilliseconds: Reporting.deadlineMilliseconds))
      }
    } catch {
      refuse(open, error)
      return open.reply.flush()
    }
    if state.value.isAboutToAsk { return }
    state.value.isAboutToAsk = true
    loop.execute { self.askWaiting() }
  }

  private func matchRequest(
    _ body: ByteBuffer, _ open: inout Open
  ) throws(Problem) -> MatchRequest {
    do throws(Problem) {
      open.left = try gateway.limits.spend(.match, by: open.coordinator)
      return try body.matchRequest()
    } catch {
      gateway.metrics.matchRefused()
      throw error
    }
  }

  /// - Returns: what it is known by until it is answered.
  private func keep(_ open: Open) -> Int {
    if let place = state.value.freePlaces.popLast() {
      state.value.open[place] = open
      return place
    }
    state.value.open.append(open)
    return state.value.open.count - 1
  }

  private func askWaiting() {
    state.value.isAboutToAsk = false
    let (matches, reports) = (state.value.matches, state.value.reports)
    state.value.matches.removeAll(keepingCapacity: true)
    state.value.reports.removeAll(keepingCapacity: true)
    if !reports.isEmpty { gateway.scorers.feedback(reports, inbox: self) }
    if !matches.isEmpty { gateway.scorers.match(matches, inbox: self) }
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
    guard let open = exchange(&state.value.open[delivery.call], with: nil),
      let asked = open.asked
    else { return nil }
    state.value.freePlaces.append(delivery.call)
    do {
      let body =
        switch asked {
        case .match(let query):
          try matching.answer(
            MatchReply.from(delivery.outcome).map(\.answer), to: query, of: open.coordinator,
            since: open.started)
        case .feedback(let report):
          try reporting.answer(
            FeedbackReply.from(delivery.outcome), to: report, since: open.started)
        }
      var headers: HTTPHeaders = [
        "Content-Type": "application/json", HTTPField.Name.requestID.rawName: open.requestID,
      ]
      if let left = open.left {
        headers.add(name: RateLimitFields.name, value: left.state)
        headers.add(name: RateLimitFields.policyName, value: left.policy)
      }
      write(ReadyResponse(status: .ok, headers: headers, body: body), to: open)
    } catch {
      refuse(open, error)
    }
    return open.reply
  }

  private func refuse(_ open: Open, _ problem: Problem) {
    envelope.note(problem, problem, requestID: open.requestID, path: open.path.rawValue)
    write(ReadyResponse(problem, requestID: open.requestID), to: open)
  }

  private func write(_ response: ReadyResponse, to open: Open) {
    var response = response
    response.headers.add(name: "Date", value: date())
    series[open.path]?.answered(status: Int(response.status.code), after: .now - open.started)
    open.reply.write(response)
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
}

/// One request that came in directly.
private final class DeskCall: DirectCall {
  private let desk: DirectDesk
  private let head: DirectHead
  private let coordinator: String
  private let requestID: String
  private let started = ContinuousClock.now

  init(desk: DirectDesk, head: DirectHead, coordinator: String, requestID: String) {
    self.desk = desk
    self.head = head
    self.coordinator = coordinator
    self.requestID = requestID
  }

  func answer(body: ByteBuffer, _ reply: DirectReply) {
    desk.ask(
      body, idempotencyKey: head.idempotencyKey,
      DirectDesk.Open(
        path: head.path, coordinator: coordinator, requestID: requestID, started: started,
        reply: reply))
  }
}
