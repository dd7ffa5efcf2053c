import GatewayAPI
import Hummingbird

/// What people look at in a browser, and the description of the API.
struct PageRoutes {
  /// Parts of pages; the pages themselves have paths of their own.
  private static let partSuffixes = [".css", ".js", ".svg"]

  private let files = PageFiles()

  func add(to routes: inout RouteList) {
    routes.audience = .anyone
    routes.get("/", page("pool.html"))
    routes.get("/services", page("services.html"))
    routes.get("/docs", page("docs.html"))
    routes.get("/openapi.yaml", page("openapi.yaml"))
    routes.get("/pages/{file}", part)
  }

  private func page(_ name: String) -> RouteList.Handler {
    { [files] request, _ in try files.answer(name, to: request) }
  }

  @Sendable private func part(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    let name = context.parameters.get("file") ?? ""
    guard Self.partSuffixes.contains(where: name.hasSuffix) else {
      throw Problem(.notFound, "there is nothing at this path")
    }
    return try files.answer(name, to: request)
  }
}
