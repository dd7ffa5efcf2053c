import HTTPTypes
import Hummingbird

/// Adds routes to the router, and remembers their methods for 405 answers.
///
/// The envelope needs the finished table, and a router wraps each route in its middleware when it is
/// added: so routes are gathered first.
struct RouteList {
  typealias Handler = @Sendable (Request, GatewayContext) async throws -> Response

  private struct Route {
    var method: HTTPRequest.Method
    var path: String
    var audience: Audience
    var handler: Handler
  }

  /// Who may use the paths that are added from now on, by address.
  var audience = Audience.anyone
  private var routes: [Route] = []
  private(set) var paths = PathTable()

  /// Takes HEAD too; the envelope leaves the body out.
  mutating func get(_ path: String, _ handler: @escaping Handler) {
    add(.get, path, handler)
    add(.head, path, handler)
  }

  /// A GET that changes something, so that HEAD cannot stand in for it.
  mutating func getWithEffect(_ path: String, _ handler: @escaping Handler) {
    add(.get, path, handler)
  }

  mutating func post(_ path: String, _ handler: @escaping Handler) { add(.post, path, handler) }
  mutating func put(_ path: String, _ handler: @escaping Handler) { add(.put, path, handler) }
  mutating func patch(_ path: String, _ handler: @escaping Handler) { add(.patch, path, handler) }
  mutating func delete(_ path: String, _ handler: @escaping Handler) { add(.delete, path, handler) }

  func register(on router: Router<GatewayContext>, addresses: ClientAddresses) {
    for route in routes {
      router.on(RouterPath(route.path), method: route.method) { request, context in
        try addresses.check(context.client, route.audience)
        return try await route.handler(request, context)
      }
    }
  }

  private mutating func add(
    _ method: HTTPRequest.Method, _ path: String, _ handler: @escaping Handler
  ) {
    routes.append(
      Route(method: method, path: path, audience: audience, handler: handler))
    paths.add(path, methods: [method.rawValue])
  }
}
