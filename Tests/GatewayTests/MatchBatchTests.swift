import Domain
import JSON
import Testing

@testable import GatewayAPI

@Suite("Reading a batch")
struct MatchBatchTests {
  private func read(_ json: String) throws(Problem) -> MatchBatch {
    let bytes = Array(json.utf8)
    return try bytes.withUnsafeBytes { bytes in
      Result { () throws(Problem) in try MatchBatch(body: bytes) }
    }.get()
  }

  private func isPlain(_ json: String) -> Bool {
    Array(json.utf8).withUnsafeBytes { PlainBatchReader.read($0) } != nil
  }

  private static func body(of count: Int) -> String {
    let entries = (0..<count).map { #"{"job_id":"j\#($0)"}"# }
    return #"{"requests":[\#(entries.joined(separator: ","))]}"#
  }

  @Test("up to 256 requests are read in their order", arguments: [1, 2, 64, 256])
  func counts(count: Int) throws {
    let batch = try read(Self.body(of: count))
    #expect(batch.queries.map(\.jobID) == (0..<count).map { "j\($0)" })
    #expect(batch.deadlines.count == count)
    #expect(isPlain(Self.body(of: count)))
  }

  @Test(
    "what is no batch is refused as a whole",
    arguments: [
      (body(of: 0), "requests length"), (body(of: 257), "requests length"),
      ("{}", "requests required"), (#"{"requests":null}"#, "requests required"),
      (#"{"requests":{"job_id":"j"}}"#, "requests type"), (#"{"requests":"x"}"#, "requests type"),
      (#"{"requests":[{"job_id":"j"}],"spread":1}"#, "spread type"),
      (#"{"requests":[{"job_id":"j"}],"spread":"true"}"#, "spread type"),
      ("[]", " type"), ("5", " type"),
    ])
  func faults(body: String, fault: String) throws {
    let problem = try #require(#expect(throws: Problem.self) { try read(body) })
    #expect(problem.status == 422)
    #expect(problem.errors.map { "\($0.field) \($0.code)" } == [fault])
  }

  @Test("both faults of a batch are told together")
  func twoFaults() throws {
    let problem = try #require(
      #expect(throws: Problem.self) { try read(#"{"requests":7,"spread":7}"#) })
    #expect(Set(problem.errors.map(\.field)) == ["requests", "spread"])
  }

  @Test(
    "what isn't JSON is 400",
    arguments: ["", "{", #"{"requests":[}"#, #"{"requests":[{"job_id":"j"}]"#, "requests"])
  func notJSON(body: String) throws {
    let problem = try #require(#expect(throws: Problem.self) { try read(body) })
    #expect(problem.status == 400)
  }

  @Test("a bad entry is bad alone, and its faults are named as if it had been asked alone")
  func badEntries() throws {
    let batch = try read(
      #"""
      {"requests":[{"job_id":"a"}, 7, {"job_id":"","top_k":0}, null, [], {"job_id":"b","spread":2},
       {"job_id":"c"}]}
      """#)
    let read = batch.deadlines.map { deadline -> String in
      switch deadline {
      case .success: "good"
      case .failure(let problem):
        problem.errors.map { "\($0.field) \($0.code)" }.joined(separator: ",")
      }
    }
    #expect(
      read == [
        "good", " type", "job_id length,top_k range", " type", " type", "spread type", "good",
      ])
    #expect(batch.queries.map(\.jobID) == ["a", "c"])
  }

  @Test("the same job twice is two matches")
  func duplicates() throws {
    let batch = try read(#"{"requests":[{"job_id":"a"},{"job_id":"a","top_k":2}]}"#)
    #expect(batch.queries.map(\.topK) == [1, 2])
  }

  @Test("spread of the batch is that of all its entries; of an entry, its own")
  func spread() throws {
    let entries = #""requests":[{"job_id":"a","spread":true},{"job_id":"b","spread":false}]"#
    for (body, expected) in [
      ("{\(entries)}", [true, false]), ("{\"spread\":false,\(entries)}", [true, false]),
      ("{\(entries), \"spread\" : true}", [true, true]),
      ("{\"spread\":null,\(entries)}", [true, false]),
    ] {
      #expect(try read(body).queries.map(\.isSpread) == expected)
    }
  }

  @Test("it waits for the entry that may take longest")
  func deadline() throws {
    let body =
      #"{"requests":[{"job_id":"a","hints":{"deadline_ms":70}},{"job_id":"b","hints":{"deadline_ms":900}},5]}"#
    #expect(try read(body).deadlineMilliseconds == 900)
    #expect(try read(Self.body(of: 3)).deadlineMilliseconds == 1_000)
  }

  @Test(
    "whatever is out of the ordinary is read in the general way, with the same result",
    arguments: [
      #"{"requests":[{"job_id":"\u0041"},{"job_id":"j","later":1}],"spread":true}"#,
      #"{"requests":[{"job_id":"A"}],"more":1}"#, #" {"requests" : [ {"job_id":"A"} ] } "#,
      #"{"requests":[{"job_id":"A"}],"requests":[{"job_id":"B"}]}"#,
      #"{"requests":[{"job_id":"A"},{"job_id":"B","hints":{"max_price":"1"}}],"spread":false}"#,
    ])
  func unusual(body: String) throws {
    let general = try MatchBatch(Body.object(Array(body.utf8)))
    #expect(try read(body) == general)
    #expect(isPlain(body) == body.hasPrefix(" "))
  }

  @Test("where the quick reader succeeds, so does the general one, with the same", arguments: 0..<8)
  func fuzz(seed: UInt64) {
    var random = RequestRandom(seed: seed)
    let pieces = [
      "{", "}", "[", "]", ",", ":", " ", #""requests""#, #""spread""#, "true", "false", "null",
      #"{"job_id":"a"}"#, #"{"job_id":"b","top_k":2}"#, #"{"job_id":"c","spread":true}"#, "7",
    ]
    var readCount = 0
    for _ in 0..<4_000 {
      var parts = ["{", #""requests""#, ":", "[", #"{"job_id":"a"}"#, "]", "}"]
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        let place = Int.random(in: 0...parts.count, using: &random)
        let piece = pieces.randomElement(using: &random)!
        if Bool.random(using: &random) || place == parts.count {
          parts.insert(piece, at: place)
        } else {
          parts[place] = piece
        }
      }
      let bytes = Array(parts.joined().utf8)
      guard let batch = bytes.withUnsafeBytes({ PlainBatchReader.read($0) }) else { continue }
      readCount += 1
      #expect(batch == (try? MatchBatch(Body.object(bytes))), "\(parts.joined())")
    }
    #expect(readCount > 100)
  }

  @Test("the answer holds each entry's, with its status")
  func response() throws {
    let alone = MatchResponse(
      jobID: "a", matchID: "m", answer: MatchAnswer(candidates: [], counts: nil).written())
    let late = Problem(.deadlinePassed, "too late", retryAfterSeconds: 1)
    let body = Self.body(MatchBatchResponse([.success(alone), .failure(late)]))
    let object = try #require(try JSONValue.parse(body).object)
    let results = try #require(object["results"]?.array)
    #expect(results.map { $0.object?["status"]?.int } == [200, 503])
    let members = try #require(try JSONValue.parse(alone.body()).object)
    let inBatch = try #require(results[0].object).members.dropFirst()
    #expect(JSONObject(Array(inBatch)) == members)
    #expect(results[0].object?["job_id"]?.string == "a")
    #expect(results[1].object?["code"]?.string == "deadline_passed")
    #expect(results[1].object?["request_id"] == nil)
    let nothing = Self.body(MatchBatchResponse([]))
    #expect(String(decoding: nothing, as: UTF8.self) == #"{"results":[]}"#)
  }

  private static func body(_ response: MatchBatchResponse) -> [UInt8] {
    JSONWriter.bytes(capacity: response.byteCountAtMost, response.write)
  }
}
