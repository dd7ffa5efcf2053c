import Domain
import JSON
import Testing

@testable import GatewayAPI

@Suite("Reading a plain match")
struct PlainMatchTests {
  private func plain(_ json: String) -> MatchRequest? {
    Array(json.utf8).withUnsafeBytes { PlainMatchReader.read($0) }
  }

  private func general(_ json: String) -> MatchRequest? {
    try? MatchRequest(Body.object(Array(json.utf8)))
  }

  private static let full = #"""
    {"job_id":"job-1","requirements":{"task":"t","min_vram_gb":8,"min_ram_gb":16.25,
     "accel":["CUDA","rocm"],"tags_any":["EU"],"tags_all":[],"capabilities_any":["a","é"],
     "capabilities_all":null,"service":"llm","min_trust":0.2},
     "hints":{"region":"EU","max_price":0.80000001,"deadline_ms":5000},"top_k":3,
     "exclude":["miner-9","miner-8"],"explain":"full","spread":true}
    """#

  @Test(
    "What coordinators send in the ordinary course is read, as in the general way",
    arguments: [
      full, #"{"job_id":"j"}"#, #" { "job_id" : "j" , "hints" : { } , "exclude" : [ ] } "#,
      #"{"job_id":"ü 日","requirements":null,"hints":{"region":""},"explain":"brief"}"#,
      #"{"top_k":50,"job_id":"j","hints":{"max_price":1000000000,"deadline_ms":1}}"#,
      #"{"job_id":"j","requirements":{"min_trust":1,"min_vram_gb":0.1,"min_ram_gb":-0}}"#,
      #"{"job_id":"j","hints":{"max_price":0,"region":"ÄÖ"},"top_k":null}"#,
      #"{"spread": false, "job_id":"j"}"#, #"{"spread":null,"job_id":"j"}"#,
    ])
  func reads(_ json: String) {
    #expect(plain(json) != nil)
    #expect(plain(json) == general(json))
  }

  @Test(
    "Whatever is out of the ordinary is left to the general way",
    arguments: [
      "", "{", "[]", "null", "{}", #"{"job_id":""}"#, #"{"job_id":null}"#, #"{"job_id":5}"#,
      #"{"job_id":"j"} x"#, #"{"job_id":"j",}"#, #"{"job_id":"j" "top_k":1}"#,
      #"{"job_id":"\u0041"}"#, #"{"job_id":"j","later":1}"#, #"{"job_id":"j","job_id":"k"}"#,
      #"{"job_id":"j","top_k":0}"#, #"{"job_id":"j","top_k":3.0}"#, #"{"job_id":"j","top_k":1e1}"#,
      #"{"job_id":"j","top_k":01}"#, #"{"job_id":"j","top_k":-1}"#, #"{"job_id":"j","top_k":1.}"#,
      #"{"job_id":"j","hints":{"max_price":"0.5"}}"#, #"{"job_id":"j","hints":5}"#,
      #"{"job_id":"j","hints":{"max_price":0.123456789}}"#, #"{"job_id":"j","hints":{"region":1}}"#,
      #"{"job_id":"j","hints":{"max_price":1000000001}}"#, #"{"job_id":"j","explain":"why"}"#,
      #"{"job_id":"j","requirements":{"accel":["a","A"]}}"#, #"{"job_id":"j","exclude":["a b"]}"#,
      #"{"job_id":"j","requirements":{"tags_any":["a","a"]}}"#, "{\"job_id\":\"a\u{1}\"}",
      #"{"job_id":"j","requirements":{"tags_any":[""]}}"#, #"{"job_id":"j","exclude":"a"}"#,
      #"{"job_id":"j","requirements":{"min_vram_gb":12345678901234567890}}"#,
      #"{"job_id":"j","requirements":{"min_trust":1.5}}"#, #"{"job_id":tru}"#, #"{"job_id":"j""#,
      #"{"job_id":"j","spread":1}"#, #"{"job_id":"j","spread":"true"}"#,
    ])
  func leaves(_ json: String) {
    #expect(plain(json) == nil)
  }

  @Test("What is no UTF-8 is left to the general way")
  func badUTF8() {
    for bytes: [UInt8] in [[0xFF], [0xC3], [0xED, 0xA0, 0x80], [0xC0, 0x80], [0xF5, 0x80]] {
      let body = Array(#"{"job_id":"a"#.utf8) + bytes + Array(#""}"#.utf8)
      #expect(body.withUnsafeBytes { PlainMatchReader.read($0) } == nil)
    }
  }

  @Test("Where it succeeds, so does the general way, with the same result", arguments: 0..<16)
  func fuzz(seed: UInt64) {
    var random = RequestRandom(seed: seed)
    var readCount = 0
    for _ in 0..<4_000 {
      var bytes = Array(Self.document(&random).utf8)
      for _ in 0..<Int.random(in: 0...2, using: &random) { Self.mutate(&bytes, &random) }
      guard let request = bytes.withUnsafeBytes({ PlainMatchReader.read($0) }) else { continue }
      readCount += 1
      #expect(
        request == (try? MatchRequest(Body.object(bytes))),
        "\(String(decoding: bytes, as: UTF8.self))")
    }
    #expect(readCount > 150)
  }

  /// A body in which every value is good or nearly so.
  private static func document(_ random: inout RequestRandom) -> String {
    let texts = ["\"a\"", "\"EU\"", "\"é\"", "\"cafe\u{301}\"", "\"a\\n\"", "\"brief\"", "\"\""]
    let numbers = ["0", "1", "3", "0.5", "1.50", "1e2", "-0", "-1", "5.0", "0.00000001", "70000"]
    let lists = ["[]", "[\"a\"]", "[\"a\",\"B\"]", "[\"a\",\"a\"]", "[ \"x.y\" , \"é\" ]", "[1]"]
    func fields(_ names: [(String, [String])]) -> String {
      var parts: [String] = []
      for (name, values) in names where Int.random(in: 0..<3, using: &random) > 0 {
        let values = values + (Int.random(in: 0..<9, using: &random) == 0 ? ["null"] : [])
        let pick = values.randomElement(using: &random) ?? "null"
        parts.append("\"\(name)\": \(pick)")
      }
      if Int.random(in: 0..<20, using: &random) == 0 { parts += parts.prefix(1) }
      return "{" + parts.shuffled(using: &random).joined(separator: ",") + "}"
    }
    let requirements = fields(
      [
        ("task", texts), ("min_vram_gb", numbers), ("min_ram_gb", numbers), ("accel", lists),
        ("tags_any", lists), ("tags_all", lists), ("capabilities_any", lists),
        ("capabilities_all", lists), ("service", texts), ("min_trust", numbers),
      ].filter { _ in Int.random(in: 0..<3, using: &random) == 0 })
    let hints = fields([
      ("region", texts), ("max_price", numbers + ["\"0.5\""]), ("deadline_ms", numbers),
    ])
    let body = fields([
      ("requirements", [requirements]), ("hints", [hints]), ("top_k", numbers),
      ("exclude", lists), ("explain", ["\"brief\"", "\"full\"", "1"]),
      ("spread", ["true", "false", "true", "false", "1"]),
    ])
    return body == "{}" ? #"{"job_id":"j"}"# : #"{"job_id":"j","# + body.dropFirst()
  }

  private static func mutate(_ bytes: inout [UInt8], _ random: inout RequestRandom) {
    guard Int.random(in: 0..<3, using: &random) == 0, !bytes.isEmpty else { return }
    let place = Int.random(in: 0..<bytes.count, using: &random)
    switch Int.random(in: 0..<4, using: &random) {
    case 0: bytes.remove(at: place)
    case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
    case 2: bytes.insert(bytes[place], at: place)
    default: bytes.removeLast(bytes.count - place)
    }
  }
}

@Suite("HTTP's date")
struct HTTPDateTests {
  @Test(
    "is RFC 9110's",
    arguments: [
      (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
      (951_782_400_999, "Tue, 29 Feb 2000 00:00:00 GMT"),
      (4_102_444_799_000, "Thu, 31 Dec 2099 23:59:59 GMT"),
    ] as [(Int64, String)])
  func dates(milliseconds: Int64, text: String) {
    #expect(Timestamp(milliseconds: milliseconds).httpDate == text)
  }
}
