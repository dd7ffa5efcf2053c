import Domain
import JSON
import Testing

@testable import GatewayAPI

@Suite("Reading plain feedback")
struct PlainFeedbackTests {
  private func plain(_ bytes: [UInt8]) -> FeedbackRequest? {
    bytes.withUnsafeBytes { PlainFeedbackReader.read($0, of: "c") }
  }

  private func general(_ bytes: [UInt8]) -> FeedbackRequest? {
    try? FeedbackRequest(Body.object(bytes), coordinator: "c", idempotencyKey: nil)
  }

  private static let full = #"""
    {"job_id":"job-1","miner_id":"m.1","outcome":"completed","latency_ms":812.5,
     "fail_code":"oom","tokens_spent":0.25,"offer":"pho1.a.b"}
    """#

  @Test(
    "What coordinators send in the ordinary course is read, as in the general way",
    arguments: [
      full, #"{"miner_id":"m","outcome":"failed","job_id":"é"}"#,
      #" { "outcome" : "rejected" , "tokens_spent" : 1000000000, "miner_id":"m","job_id":"j"} "#,
      #"{"job_id":"j","miner_id":"m","outcome":"accepted","fail_code":"","latency_ms":-0}"#,
    ])
  func reads(_ json: String) {
    let bytes = Array(json.utf8)
    #expect(plain(bytes) != nil)
    #expect(plain(bytes) == general(bytes))
  }

  @Test(
    "Whatever is out of the ordinary is left to the general way",
    arguments: [
      "", "{}", "[]", #"{"job_id":"j","miner_id":"m"}"#, #"{"job_id":"j","outcome":"failed"}"#,
      #"{"job_id":"","miner_id":"m","outcome":"failed"}"#,
      #"{"job_id":"j","miner_id":"m","outcome":"failed"} x"#,
      #"{"job_id":"j","miner_id":"m","outcome":"failed","job_id":"k"}"#,
      #"{"job_id":"j","miner_id":"m","outcome":"failed","later":1}"#,
      #"{"job_id":"j","miner_id":"m","outcome":"failed","offer":""}"#,
      #"{"job_id":"j","miner_id":"m","outcome":"failed","tokens_spent":"1"}"#,
      #"{"job_id":"j","miner_id":"m","outcome":"failed","latency_ms":1e3}"#,
      #"{"job_id":"j","miner_id":"m","outcome":"failed","latency_ms":86400001}"#,
      #"{"job_id":"j","miner_id":"a b","outcome":"failed"}"#,
      #"{"job_id":"j","miner_id":"m","outcome":"done"}"#, #"{"job_id":"\u0041"}"#,
    ])
  func leaves(_ json: String) {
    #expect(plain(Array(json.utf8)) == nil)
  }

  @Test("Where it succeeds, so does the general way, with the same result", arguments: 0..<8)
  func fuzz(seed: UInt64) {
    var random = RequestRandom(seed: seed)
    var readCount = 0
    for _ in 0..<4_000 {
      var bytes = Array(Self.full.utf8)
      for _ in 0..<Int.random(in: 0...2, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] =
          bytes.randomElement(using: &random) ?? 0
      }
      guard let request = plain(bytes) else { continue }
      readCount += 1
      #expect(request == general(bytes), "\(String(decoding: bytes, as: UTF8.self))")
    }
    #expect(readCount > 500)
  }

  @Test("An Idempotency-Key is the report's, by whatever way it is read; a bad one is refused")
  func idempotencyKey() throws {
    for body in [Self.full, #"{"job_id":"\u006a","miner_id":"m","outcome":"failed"}"#] {
      func read(_ key: String?) throws -> FeedbackRequest {
        try Array(body.utf8).withUnsafeBytes { bytes in
          try FeedbackRequest(body: bytes, coordinator: "c", idempotencyKey: key)
        }
      }
      #expect(try read("k 1").report.idempotencyKey == "k 1")
      #expect(try read(nil).report.idempotencyKey == nil)
      #expect(throws: Problem.self) { try read("") }
      #expect(throws: Problem.self) { try read("é") }
    }
  }
}
