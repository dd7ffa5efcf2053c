import ArgumentParser
import Hummingbird

/// The benchmarks' floor: Hummingbird with its own HTTP/1 server, answering a constant of a match
/// answer's size. Stops on SIGTERM.
@main
struct BareHummingbird: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "bare-hummingbird")
  /// A match's body limit.
  static let bodyByteLimit = 64 * 1024

  @Option(help: "The port on 127.0.0.1; 0 takes a free one, which the log tells.")
  var port = 8205

  @Option(help: "How long the answer's body is.")
  var answerBytes = 564

  func validate() throws {
    guard (32...1_048_576).contains(answerBytes) else {
      throw ValidationError("--answer-bytes must be 32 to 1048576")
    }
  }

  func run() async throws {
    let start = #"{"padding":""#
    let end = #""}"#
    let padding = String(repeating: "x", count: answerBytes - start.count - end.count)
    let answer = ByteBuffer(string: start + padding + end)

    let router = Router()
    router.get("/") { _, _ in "ok" }
    router.post("/v1/match") { request, _ in
      _ = try await request.body.collect(upTo: Self.bodyByteLimit)
      return Response(
        status: .ok, headers: [.contentType: "application/json"],
        body: ResponseBody(byteBuffer: answer))
    }
    let application = Application(
      router: router,
      configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)))
    try await application.runService()
  }
}
