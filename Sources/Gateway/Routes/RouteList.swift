import HTTPTypes
import Hummingbird

/// Adds routes to the router, and remembers their methods for 405 answers.
///
/// The envelope needs the finished table, and a router wraps each route in its middleware when it is
/// added: so routes are gathered first.
struct RouteList {
  typealias Handler = @Sendable (Request, GatewayContext) async throws -> Response

  private var routes: [(method: HTTPRequest.Method, path: String, handler: Handler)] = []
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

  func register(on router: Router<GatewayContext>) {
    for (method, path, handler) in routes {
      router.on(RouterPath(path), method: method, use: handler)
    }
  }

  private mutating func add(
    _ method: HTTPRequest.Method, _ path: String, _ handler: @escaping Handler
  ) {
    routes.append((method, path, handler))
    paths.add(path, methods: [method.rawValue])
  }
}
