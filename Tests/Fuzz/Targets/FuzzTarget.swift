import Domain
import GatewayAPI
import GatewayPolicy
import JSON
import Wire

/// A parser of what comes from outside, with what has to hold whatever the bytes are: it reads or
/// refuses, and what it reads is what its plain twin reads, or what is written again as the same.
package enum FuzzTarget: String, CaseIterable, Sendable {
  /// Frames between gateway and scorer: the header and every payload behind it.
  case record
  /// Entries of the change stream.
  case change
  /// A status as it lies in Redis.
  case status
  /// A miner's text frame.
  case heartbeat
  /// What stands behind `Bearer`.
  case token
  /// Any JSON.
  case json
  case match, batch, register, update, feedback

  /// Two ways of reading that should agree and don't.
  package struct Disagreement: Error, CustomStringConvertible {
    package var target: FuzzTarget
    package var what: String

    package var description: String { "\(target.rawValue): \(what)" }
  }

  /// - Throws: `Disagreement` and nothing else.
  package func check(_ bytes: [UInt8]) throws {
    switch self {
    case .record:
      guard let read = try? RecordCodec.decodeAll(bytes) else { return }
      let again = try? RecordCodec.decodeAll(read.flatMap { RecordCodec.encode($0) })
      try require(again == read, "written again it reads otherwise")
    case .change:
      guard let read = try? ChangeCodec.decode(bytes) else { return }
      let again = try? ChangeCodec.decode(ChangeCodec.encode(read))
      try require(again == read, "written again it reads otherwise")
    case .status:
      guard let read = try? StatusPatchCodec.decode(bytes) else { return }
      let again = try? StatusPatchCodec.decode(StatusPatchCodec.encode(read))
      try require(again == read, "written again it reads otherwise")
    case .heartbeat: try checkHeartbeat(bytes)
    case .token: try checkToken(bytes)
    case .json:
      guard let read = try? JSONValue.parse(bytes) else { return }
      var writer = JSONWriter()
      writer.value(read)
      try require((try? JSONValue.parse(writer.bytes)) == read, "written again it reads otherwise")
    case .match:
      let read = try? bytes.withUnsafeBytes { try MatchRequest(body: $0) }
      try require(read == (try? MatchRequest(Body.object(bytes))), "the plain reader disagrees")
    case .batch:
      let read = try? bytes.withUnsafeBytes { try MatchBatch(body: $0) }
      try require(read == (try? MatchBatch(Body.object(bytes))), "the plain reader disagrees")
    case .register: try checkRefusal(bytes) { _ = try RegisterRequest($0) }
    case .update: try checkRefusal(bytes) { _ = try UpdateRequest($0) }
    case .feedback:
      let read = try? bytes.withUnsafeBytes {
        try FeedbackRequest(body: $0, coordinator: "fuzz", idempotencyKey: "k")
      }
      let plainly = try? FeedbackRequest(
        Body.object(bytes), coordinator: "fuzz", idempotencyKey: "k")
      try require(read == plainly, "the plain reader disagrees")
    }
  }

  private func checkHeartbeat(_ bytes: [UInt8]) throws {
    // Nil: something else that a miner may say.
    guard let read = try? bytes.withUnsafeBytes({ try Heartbeat.read($0) }) else { return }
    try require(read == (try? Heartbeat(Body.object(bytes))), "the plain reader disagrees")
  }

  private func checkToken(_ bytes: [UInt8]) throws {
    let now = Timestamp(milliseconds: 1_000)
    let tokens = SessionTokens(
      keys: [("k1", [UInt8](repeating: 7, count: 32))], lifetimeSeconds: 3_600)
    let text = String(decoding: bytes, as: UTF8.self)
    guard let session = try? tokens.verify(text, at: now) else { return }
    // Base64 may leave bits unused, so texts may differ; what was signed may not.
    let issued = tokens.issue(for: session.minerID, at: session.issuedAt)
    let signed = issued.split(separator: ".").dropLast()
    try require(text.split(separator: ".").dropLast() == signed, "nobody signed this")
  }

  /// Whatever a body is refused for is told as a problem of the caller's.
  private func checkRefusal(_ bytes: [UInt8], _ read: (JSONObject) throws -> Void) throws {
    do {
      try read(Body.object(bytes))
    } catch let problem as Problem {
      try require((400..<500).contains(problem.status), "refused with \(problem.status)")
    }
  }

  private func require(_ holds: Bool, _ what: String) throws {
    if !holds { throw Disagreement(target: self, what: what) }
  }
}
