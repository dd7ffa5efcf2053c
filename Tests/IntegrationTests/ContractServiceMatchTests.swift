import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses.Contract {
  @Suite("Services in matches") struct ServiceMatches {
    @Test("A match that asks for a service finds who enabled it, at that service's price")
    func price() async throws {
      let corner = try Corner("svm-price")
      for number in 1...3 {
        try await corner.register("\(number)", #""price_token_per_ksec": \#(number)"#)
      }
      let miners = try await (1...3).asyncMap { try await corner.register("\($0)") }
      #expect(try await corner.found(#""service": "whisper""#) == [])
      try await miners[0].service("POST", "whisper", #""enabled": true"#).expectOK()
      try await miners[1].service(
        "POST", "whisper", #""enabled": true, "pricing": {"price_token_per_ksec": "0.25"}"#
      ).expectOK()
      try await miners[2].service(
        "POST", "whisper", #""enabled": false, "pricing": {"price_token_per_ksec": 0.1}"#
      ).expectOK()
      let answer = try await corner.match(#""service": "whisper""#, hints: #""max_price": 1"#)
      #expect(Set(corner.names(in: answer)) == ["1", "2"])
      #expect(answer.candidate(corner.id("1"))?["price"] == .number("1"))
      #expect(answer.candidate(corner.id("2"))?["price"] == .number("0.25"))
      #expect(isClose(answer.candidate(corner.id("2"))?["breakdown"]?["price"]?.double, 0.75))
      #expect(answer.rejected("service") >= 1)
      #expect(try await corner.found(#""service": "ffmpeg""#) == [])
      // Where no service is asked for, the miner's own price counts.
      #expect(try await corner.match().candidate(corner.id("2"))?["price"] == .number("2"))
      // Unit prices are no price for matches.
      try await miners[0].service("PATCH", "whisper", #""pricing": {"per_minute": 9}"#).expectOK()
      #expect(
        try await corner.match(#""service": "whisper""#).candidate(corner.id("1"))?["price"]
          == .number("1"))
    }

    @Test("max_concurrent bounds a service's slots, and no more than max_parallel")
    func slots() async throws {
      let corner = try Corner("svm-slots")
      let miner = try await corner.register("1", #""max_parallel": 4"#)
      try await miner.service("POST", "ffmpeg", #""enabled": true, "max_concurrent": 2"#).expectOK()
      func load(_ queue: Int) async throws -> Double? {
        try await miner.beat(#""queue_len": \#(queue)"#).expectOK()
        return try await corner.match(#""service": "ffmpeg""#).load(of: miner.id)
      }
      #expect(try await load(0) == 1)
      #expect(try await load(1) == 0.5)
      #expect(try await load(2) == nil)
      #expect(try await corner.match(#""service": "ffmpeg""#).rejected("full") == 1)
      #expect(try await corner.match().load(of: miner.id) == 0.5)
      try await miner.service("PATCH", "ffmpeg", #""max_concurrent": 10"#).expectOK()
      #expect(try await load(3) == 0.25)
      #expect(try await load(4) == nil)
    }

    @Test("An enabled service's capabilities count among the miner's")
    func capabilities() async throws {
      let corner = try Corner("svm-cap")
      let miner = try await corner.register("1", #""capabilities": ["own"]"#)
      let body = #""enabled": true, "capabilities": ["svm-voice"]"#
      try await miner.service("POST", "whisper", body).expectOK()
      #expect(try await corner.found(#""capabilities_all": ["own", "svm-voice"]"#) == ["1"])
      #expect(
        try await corner.listed([("capability", "svm-voice")]).json?["miners"]?.array?.count == 1)
      try await miner.service("PATCH", "whisper", #""enabled": false"#).expectOK()
      #expect(try await corner.found(#""capabilities_all": ["svm-voice"]"#) == [])
    }

    @Test("A match sees each change that its gateway has acknowledged")
    func readYourWrites() async throws {
      let corner = try Corner("svm-ryw")
      let miner = try await corner.register("1", #""price_token_per_ksec": 1000"#)
      let asked = #""service": "blender""#
      for round in 1...30 {
        let priced = #""enabled": true, "pricing": {"price_token_per_ksec": \#(round)}"#
        try await miner.service("POST", "blender", priced).expectOK()
        let price = try await corner.match(asked).candidate(miner.id)?["price"]
        #expect(price == .number("\(round)"))
        // A registration keeps the services.
        try await corner.register("1")
        #expect(try await corner.found(asked) == ["1"])
        if round % 2 == 0 {
          try await miner.service("PATCH", "blender", #""enabled": false"#).expectOK()
        } else {
          try await miner.service("DELETE", "blender").expectOK()
        }
        #expect(try await corner.found(asked) == [])
      }
    }

    @Test("An operator's price counts over the service's")
    func priceOverride() async throws {
      let corner = try Corner("svm-override")
      let miner = try await corner.register("1")
      let body = #""enabled": true, "pricing": {"price_token_per_ksec": 3}"#
      try await miner.service("POST", "whisper", body).expectOK()
      try await corner.setPrice(of: "1", #""price": 2, "reason": "r""#).expectOK()
      let answer = try await corner.match(#""service": "whisper""#)
      #expect(answer.bestCandidate?["price"] == .number("2"))
      try await corner.client.removePriceOverride(of: miner.id).expectOK()
      #expect(
        try await corner.match(#""service": "whisper""#).bestCandidate?["price"] == .number("3"))
    }
  }
}

extension Sequence where Self: Sendable {
  fileprivate func asyncMap<Value>(
    _ transform: (Element) async throws -> Value
  ) async throws -> [Value] {
    var values: [Value] = []
    for element in self { values.append(try await transform(element)) }
    return values
  }
}
