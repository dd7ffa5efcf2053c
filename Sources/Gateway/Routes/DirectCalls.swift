import NIOCore
import NIOPosix
import OnePort

/// Matches and feedback answered on the connection's event loop. It takes only what a coordinator sends
/// in the ordinary course, credentials included; the routes in `MatchRoutes` answer everything else.
struct DirectCalls: DirectRoute {
  private let desks: [ObjectIdentifier: CoordinatorDesk]

  init(gateway: Gateway, envelope: RequestEnvelope, loops: MultiThreadedEventLoopGroup) {
    desks = Dictionary(
      uniqueKeysWithValues: loops.makeIterator().map { loop in
        (ObjectIdentifier(loop), CoordinatorDesk(gateway: gateway, envelope: envelope, loop: loop))
      })
  }

  func desk(on loop: any EventLoop) -> (any DirectDesk)? { desks[ObjectIdentifier(loop)] }
}
