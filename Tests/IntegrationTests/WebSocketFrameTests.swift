import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses.WebSocketHeartbeats {
  @Suite("Frames") struct Frames {
    private static let badTexts: [(String, Int, String)] = [
      ("{", 400, "not_json"), ("", 400, "not_json"), (#"{"queue_len":1} x"#, 400, "not_json"),
      (#"{"queue_len":NaN}"#, 400, "not_json"),
      ("[]", 422, "invalid_fields"), ("7", 422, "invalid_fields"), ("{}", 422, "invalid_fields"),
      (#"{"queue_len":"many"}"#, 422, "invalid_fields"),
      (#"{"queue_len":-1}"#, 422, "invalid_fields"),
      (#"{"queue_len":1e30}"#, 422, "invalid_fields"),
      (#"{"queue_len":0,"busy":"no"}"#, 422, "invalid_fields"),
      (#"{"queue_len":0,"temp_c":1e9}"#, 422, "invalid_fields"),
      (#"{"current_jobs":[1]}"#, 422, "invalid_fields"),
    ]

    @Test("A bad frame gets an error frame, and the connection lives on")
    func badFrames() async throws {
      let (_, socket) = try await connected("fr-bad")
      for (number, (text, status, code)) in Self.badTexts.enumerated() {
        try await socket.send(text: text)
        expectError(try await socket.nextJSON(), status, code)
        try await socket.beat(number)
      }
      try await socket.send(binary: Array(#"{"queue_len":1}"#.utf8))
      expectError(try await socket.nextJSON(), 400, "not_json")
      try await socket.send(opcode: .binary, payload: [0xff], isFinal: false)
      try await socket.send(opcode: .continuation, payload: [0xfe])
      expectError(try await socket.nextJSON(), 400, "not_json")
      try await socket.beat(99)
      await socket.close()
    }

    @Test("A bad frame changes nothing")
    func badFrameChangesNothing() async throws {
      let (miner, socket) = try await connected("fr-same")
      try await socket.beat(1, ["queue_len": .int(3)])
      try await socket.send(text: #"{"queue_len":9,"temp_c":"hot"}"#)
      expectError(try await socket.nextJSON(), 422, "invalid_fields")
      try await socket.beat(2, ["queue_len": .int(3), "avg_latency_ms": .int(5)])
      try await eventually("the latency shows") {
        let answer = try await miner.client.match(capability: "fr-same")
        return answer.candidate(miner.id)?["eta_ms"]?.double == 20
      }
      await socket.close()
    }

    @Test("Ten bad frames in a row close the connection")
    func tenInARow() async throws {
      let (_, socket) = try await connected("fr-ten")
      for round in 0..<2 {
        for _ in 0..<9 {
          try await socket.send(text: "nonsense")
          expectError(try await socket.nextJSON(), 400, "not_json")
        }
        try await socket.beat(round)
      }
      for _ in 0..<10 { try await socket.send(text: "nonsense") }
      for _ in 0..<10 { expectError(try await socket.nextJSON(), 400, "not_json") }
      #expect(await socket.code() == 4400)
    }

    @Test("A message of 16 KiB is taken, one byte more closes the connection")
    func oversize() async throws {
      let limit = 16 * 1024
      let (miner, socket) = try await connected("fr-big")
      try await socket.send(text: Self.heartbeat(byteCount: limit))
      #expect(try await socket.nextJSON()["type"]?.string == "ack")
      try await socket.send(text: Self.heartbeat(byteCount: limit + 1))
      #expect(await socket.code() == 1009)

      let fragmented = try await miner.connect()
      let half = Array(Self.heartbeat(byteCount: limit + 2).utf8)
      try await fragmented.send(opcode: .text, payload: Array(half[..<9_000]), isFinal: false)
      try await fragmented.send(opcode: .continuation, payload: Array(half[9_000...]))
      #expect(await fragmented.code() == 1009)
    }

    @Test("Fragments make one message, and pings between them are answered")
    func fragments() async throws {
      let (_, socket) = try await connected("fr-part")
      try await socket.send(opcode: .text, payload: Array(#"{"seq":"#.utf8), isFinal: false)
      try await socket.ping([1, 2, 3])
      #expect(try await socket.next() == .pong([1, 2, 3]))
      try await socket.send(opcode: .continuation, payload: Array("12,".utf8), isFinal: false)
      try await socket.send(opcode: .continuation, payload: Array(#""queue_len":0}"#.utf8))
      let ack = try await socket.nextJSON()
      #expect(ack["type"]?.string == "ack")
      #expect(ack["seq"]?.int == 12)
      await socket.close()
      #expect(socket.closeCode == 1000)
    }

    @Test("Answers to commands are taken in silence")
    func commandAnswers() async throws {
      let (_, socket) = try await connected("fr-cmd")
      try await socket.send(text: #"{"type":"command_ack","id":"c-1","ok":true}"#)
      try await socket.send(text: #"{"type":"command_ack","id":"c-2","ok":false,"error":"no"}"#)
      // The next message is the acknowledgement of this.
      try await socket.beat(1)
      await socket.close()
    }

    @Test("A heartbeat with no number and unknown fields is acknowledged")
    func noSequence() async throws {
      let (_, socket) = try await connected("fr-nil")
      try await socket.send(text: #"{"queue_len":0,"ts":"2024-01-01T00:00:00Z","new":{"a":[1]}}"#)
      let ack = try await socket.nextJSON()
      #expect(ack["type"]?.string == "ack")
      #expect(ack["seq"] == .null)
      await socket.close()
    }

    private func connected(_ capability: String) async throws -> (LiveMiner, WebSocketClient) {
      let client = try suiteHub().client()
      let miner = try await LiveMiner.register(
        "\(capability)-1", capability: capability, at: client)
      return (miner, try await miner.connect())
    }

    private func expectError(
      _ frame: JSONValue, _ status: Int, _ code: String,
      sourceLocation: SourceLocation = #_sourceLocation
    ) {
      #expect(frame["type"]?.string == "error", sourceLocation: sourceLocation)
      #expect(frame["status"]?.int == status, sourceLocation: sourceLocation)
      #expect(frame["code"]?.string == code, sourceLocation: sourceLocation)
      #expect(frame["title"]?.string != nil, sourceLocation: sourceLocation)
      #expect(frame["detail"]?.string != nil, sourceLocation: sourceLocation)
      let hasErrors = frame["errors"]?.array?.isEmpty == false
      #expect(hasErrors == (code == "invalid_fields"), sourceLocation: sourceLocation)
    }

    private static func heartbeat(byteCount: Int) -> String {
      let start = #"{"queue_len":0,"filler":""#
      return start + String(repeating: "x", count: byteCount - start.utf8.count - 2) + #""}"#
    }
  }
}
