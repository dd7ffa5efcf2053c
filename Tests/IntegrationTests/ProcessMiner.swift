import Foundation
import JSON
import Simulation
import TestSupport
import Testing

/// A registered miner of the tests, with what it needs to speak.
struct LiveMiner: Sendable {
  struct Refused: Error { var answer: HubAnswer }

  let id: String
  let apiKey: String
  let token: String
  let client: HubClient

  /// - Parameters:
  ///   - capability: what tells the miners of one test from those of all others.
  ///   - extra: more fields of the registration.
  static func register(
    _ id: String, capability: String, at client: HubClient, extra: [(String, JSONValue)] = []
  ) async throws -> LiveMiner {
    let apiKey = "key-of-\(id)-0123456789"
    var body = JSONObject([
      ("miner_id", .string(id)), ("api_key", .string(apiKey)), ("max_parallel", .int(10)),
      ("addr", .string("10.0.0.1:9000")), ("region", .string("eu")),
      ("price_token_per_ksec", .number("0.5")), ("capabilities", .strings(capability)),
    ])
    for (name, value) in extra { body.append(name, value) }
    let answer = try await client.register(JSONWriter.bytes(of: .object(body)))
    guard answer.isSuccess, let token = answer.json?["session_token"]?.string else {
      throw Refused(answer: answer)
    }
    return LiveMiner(id: id, apiKey: apiKey, token: token, client: client)
  }

  /// Several of them, named after their capability.
  static func register(
    _ count: Int, capability: String, at client: HubClient
  ) async throws -> [LiveMiner] {
    var miners: [LiveMiner] = []
    for number in 1...count {
      miners.append(
        try await register("\(capability)-\(number)", capability: capability, at: client))
    }
    return miners
  }

  /// - Parameter other: another gateway than where it registered.
  func connect(to other: HubClient? = nil) async throws -> WebSocketClient {
    try await WebSocketClient.connect(
      url: (other ?? client).baseURL + "/v1/miners/heartbeat",
      headers: [("Authorization", "Bearer \(token)")])
  }

  func heartbeat(_ fields: KeyValuePairs<String, JSONValue>) async throws -> HubAnswer {
    try await client.heartbeat(JSONWriter.bytes(of: .members(fields)), token: token)
  }
}

/// Miners that hold a WebSocket and speak as often as they are told, while `body` runs.
///
/// - Throws: when a heartbeat is not acknowledged, or a connection ends.
func whileSpeaking<Value: Sendable>(
  _ miners: [LiveMiner], body: @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Void.self) { group in
    for miner in miners {
      let socket = try await miner.connect()
      _ = try await socket.beat(1)
      group.addTask {
        var sequence = 1
        while !Task.isCancelled {
          let ack = try await socket.beat(sequence)
          sequence += 1
          let pause = try #require(ack["next_heartbeat_sec"]?.double)
          try? await Task.sleep(for: .seconds(pause))
        }
        await socket.close()
      }
    }
    let value = try await body()
    group.cancelAll()
    try await group.waitForAll()
    return value
  }
}

/// A WebSocket gave no message in time, or ended instead.
struct NoMessage: Error { var closeCode: Int? }

extension WebSocketClient {
  /// The next message, if it comes in time.
  func next(within timeout: Duration = .seconds(15)) async throws -> Message {
    let message = await withTaskGroup(of: Message?.self) { group in
      group.addTask { await self.receive() }
      group.addTask {
        try? await Task.sleep(for: timeout)
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
    guard let message else { throw NoMessage(closeCode: closeCode) }
    return message
  }

  /// The next message, which must be JSON text.
  func nextJSON() async throws -> JSONValue {
    guard case .text(let text) = try await next() else { throw NoMessage(closeCode: closeCode) }
    return try JSONValue.parse(Array(text.utf8))
  }

  /// Sends a heartbeat and waits for its acknowledgement, which must be the next message.
  @discardableResult
  func beat(
    _ sequence: Int, _ fields: KeyValuePairs<String, JSONValue> = ["queue_len": .int(0)],
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> JSONValue {
    var body = JSONObject([("seq", .int(sequence))])
    for (name, value) in fields { body.append(name, value) }
    try await send(text: String(decoding: JSONWriter.bytes(of: .object(body)), as: UTF8.self))
    // Not cut short by the end of a test's task: it comes at once.
    let ack = try await Task { try await nextJSON() }.value
    #expect(ack["type"]?.string == "ack", sourceLocation: sourceLocation)
    #expect(ack["seq"]?.int == sequence, sourceLocation: sourceLocation)
    return ack
  }

  /// Waits for the end and gives its code.
  func code(
    within timeout: Duration = .seconds(20), sourceLocation: SourceLocation = #_sourceLocation
  ) async -> Int? {
    await eventually("the connection ends", within: timeout, sourceLocation: sourceLocation) {
      !isOpen
    }
    return closeCode
  }
}

extension JSONWriter {
  static func bytes(of value: JSONValue) -> [UInt8] {
    var json = JSONWriter()
    json.value(value)
    return json.bytes
  }
}
