import Domain
import JSON
import Testing

@testable import GatewayAPI

@Suite("Reading a plain heartbeat")
struct PlainHeartbeatTests {
  private func plain(_ json: String) -> Heartbeat? {
    Array(json.utf8).withUnsafeBytes { PlainHeartbeatReader.read($0) }
  }

  private func general(_ json: String) -> Heartbeat? {
    try? Heartbeat(Body.object(Array(json.utf8)))
  }

  @Test(
    "What miners send in the ordinary course is read, as in the general way",
    arguments: [
      #"{"queue_len":0}"#, #"{"seq":7,"queue_len":3,"busy":true}"#, #" { "queue_len" : 1 } "#,
      #"{"ts":1700000000.5,"seq":12,"queue_len":1000000000,"busy":false,"current_jobs":2,"#
        + #""avg_latency_ms":123.4,"temp_c":-12.5,"mem_free_gb":18.2}"#,
      #"{"ts":"2026-01-01T00:00:00Z","current_jobs":4}"#, #"{"current_jobs":5,"queue_len":0}"#,
      #"{"queue_len":1,"avg_latency_ms":0,"temp_c":1000,"mem_free_gb":1000000}"#,
    ])
  func reads(_ json: String) {
    #expect(plain(json) != nil)
    #expect(plain(json) == general(json))
  }

  @Test(
    "Whatever is out of the ordinary is left to the general way",
    arguments: [
      "", "{", "{}", "[]", "null", #"{"seq":1}"#, #"{"queue_len":-1}"#, #"{"queue_len":1.5}"#,
      #"{"queue_len":1.0}"#, #"{"queue_len":null}"#, #"{"queue_len":"1"}"#, #"{"queue_len":1} x"#,
      #"{"queue_len":1,"queue_len":2}"#, #"{"queue_len":1,"busy":0}"#, #"{"queue_len":1e3}"#,
      #"{"queue_len":1,"later":2}"#, #"{"queue_len":1,"temp_c":1001}"#, #"{"status":"active"}"#,
      #"{"queue_len":1000000001}"#, #"{"queue_len":1,"avg_latency_ms":-0.1}"#,
      #"{"queue_len":1,"current_jobs":["a"]}"#, #"{"queue_len":1,"ts":true}"#,
      #"{"queue_len":1,}"#, #"{"queue_len":1,"seq":-1}"#, #"{"queue_l\u0065n":1}"#,
      #"{"type":"command_ack","id":"1","ok":true}"#,
    ])
  func leaves(_ json: String) {
    #expect(plain(json) == nil)
  }

  @Test("Where it succeeds, so does the general way, with the same result", arguments: 0..<16)
  func fuzz(seed: UInt64) {
    var random = RequestRandom(seed: seed)
    var readCount = 0
    for _ in 0..<4_000 {
      var bytes = Array(Self.document(&random).utf8)
      for _ in 0..<Int.random(in: 0...2, using: &random) where !bytes.isEmpty {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] =
          Array(#"0123456789-.,:{}"[]ntfeE +"#.utf8).randomElement(using: &random) ?? 0
      }
      guard let heartbeat = bytes.withUnsafeBytes({ PlainHeartbeatReader.read($0) }) else {
        continue
      }
      readCount += 1
      #expect(
        heartbeat == (try? Heartbeat(Body.object(bytes))),
        "\(String(decoding: bytes, as: UTF8.self))")
    }
    #expect(readCount > 400)
  }

  private static func document(_ random: inout RequestRandom) -> String {
    func number(_ random: inout RequestRandom) -> String {
      let whole = String(Int.random(in: 0...999, using: &random))
      return Bool.random(using: &random)
        ? whole : whole + "." + String(Int.random(in: 0...9_999, using: &random))
    }
    var fields = [
      #""seq":\#(Int.random(in: 0...100_000, using: &random))"#,
      #""queue_len":\#(Int.random(in: 0...50, using: &random))"#,
      #""busy":\#(Bool.random(using: &random))"#, #""avg_latency_ms":\#(number(&random))"#,
      #""temp_c":-\#(number(&random))"#, #""mem_free_gb":\#(number(&random))"#,
      #""current_jobs":\#(Int.random(in: 0...9, using: &random))"#, #""ts":\#(number(&random))"#,
    ].shuffled(using: &random)
    fields.removeLast(Int.random(in: 0...6, using: &random))
    return "{" + fields.joined(separator: ",") + "}"
  }
}
