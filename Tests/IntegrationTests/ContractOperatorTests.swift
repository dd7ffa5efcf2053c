import Foundation
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses.Contract {
  @Suite("The operator's listing") struct Listing {
    private static let limits = [1, 2, 7, 24, 25, 26, 1_000]

    @Test("Pages are complete, in order, and each miner is on one", arguments: limits)
    func paging(_ limit: Int) async throws {
      let corner = try Corner("list-\(limit)")
      let names = (1...25).map { "m\($0)" }
      for name in names { try await corner.register(name) }
      let listed = try await walk(corner, limit: limit)
      #expect(listed == names.map(corner.id).sorted())
    }

    @Test("Pages stay whole while miners come")
    func pagingUnderChange() async throws {
      let corner = try Corner("list-busy")
      let names = (10...39).map { "m\($0)" }
      for name in names { try await corner.register(name) }
      var newcomers = 0
      let listed = try await walk(corner, limit: 3) {
        // One before the cursor, one behind it, and a change of one that is there.
        newcomers += 1
        try await corner.register("a\(newcomers)")
        try await corner.register("z\(newcomers)")
        try await corner.register("m10", #""gpu_count": \#(newcomers)"#)
      }
      let original = Set(names.map(corner.id))
      #expect(listed.filter(original.contains) == original.sorted())
      #expect(Set(listed).count == listed.count)
      #expect(listed == listed.sorted())
    }

    /// All ids that are on the pages of the corner, in their order.
    private func walk(
      _ corner: Corner, limit: Int, between: () async throws -> Void = {}
    ) async throws -> [String] {
      var ids: [String] = []
      var cursor: String?
      repeat {
        let answer = try await corner.listed(
          [("limit", "\(limit)")] + (cursor.map { [("cursor", $0)] } ?? []))
        answer.expectOK()
        let page = try #require(answer.json?["miners"]?.array)
        #expect(page.count <= limit)
        ids += page.compactMap { $0["miner_id"]?.string }
        cursor = answer.json?["next_cursor"]?.string
        // A page that isn't the last is full.
        #expect(cursor == nil || page.count == limit)
        try await between()
      } while cursor != nil && ids.count < 1_000
      return ids
    }

    @Test("A miner is told as to itself")
    func fields() async throws {
      let corner = try Corner("list-fields")
      let miner = try await corner.register("1", #""gpu_name": "A100", "tags": {"a": 1}"#)
      try await miner.update(#""queue_len": 1, "temp_c": 40.5"#).expectOK()
      try await corner.feedback("1", job: "j", "completed").expectOK()
      let listed = try await corner.listed().json?["miners"]?.array
      #expect(listed == [try await miner.status()])
    }

    private static let filters: [(name: String, value: String, found: [String])] = [
      ("region", "list-filter", ["a", "b", "c"]), ("region", "LIST-FILTER", ["a", "b", "c"]),
      ("region", "list-filter-2", ["d"]), ("region", "list", []),
      ("online", "true", ["a", "b", "d"]), ("online", "false", ["c"]),
      ("capability", "x", ["a", "c"]), ("capability", "X", []), ("capability", "y", ["c", "d"]),
      ("min_trust", "0", ["a", "b", "c", "d"]), ("min_trust", "0.5", ["a", "c", "d"]),
      ("min_trust", "0.55", ["a"]), ("min_trust", "1", []),
      ("q", "list-filter-d", ["d"]), ("q", "filter-", ["a", "b", "c", "d"]), ("q", "%", []),
      ("q", "list_filter", []),
    ]

    @Test("Each filter by itself", arguments: filters)
    func filter(_ name: String, _ value: String, _ found: [String]) async throws {
      let corner = try Corner("list-filter")
      try await corner.register("a", #""capabilities": ["x"]"#)
      try await corner.register("b")
      let gone = try await corner.register("c", #""capabilities": ["y", "x"]"#)
      try await corner.register("d", #""capabilities": ["y"], "region": "list-filter-2""#)
      try await corner.client.logout(token: gone.token).expectOK()
      try await corner.feedback("a", job: "1", "completed").expectOK()
      try await corner.feedback("b", job: "1", "failed").expectOK()
      // A `q` of its own takes the place of the corner's.
      let answer =
        name == "q"
        ? try await corner.client.miners([(name, value)]) : try await corner.listed([(name, value)])
      answer.expectOK()
      let ids = answer.json?["miners"]?.array?.compactMap { $0["miner_id"]?.string } ?? []
      #expect(ids.filter { $0.hasPrefix("list-filter-") } == found.map(corner.id))
      if name != "q" { #expect(ids.count == found.count) }
    }

    @Test("Filters together narrow down")
    func together() async throws {
      let corner = try Corner("list-both")
      try await corner.register("a", #""capabilities": ["x"]"#)
      try await corner.register("b", #""capabilities": ["x"], "region": "else""#)
      try await corner.register("c")
      let answer = try await corner.listed([
        ("region", corner.name), ("capability", "x"), ("online", "true"), ("min_trust", "0.5"),
        ("limit", "1"),
      ])
      let ids = answer.json?["miners"]?.array?.map { $0["miner_id"]?.string }
      #expect(ids == [corner.id("a")])
      // Empty parameters ask for nothing, unknown ones are ignored.
      let all = try await corner.listed([("region", ""), ("online", ""), ("colour", "red")])
      #expect(all.json?["miners"]?.array?.count == 3)
      #expect(all.json?["next_cursor"] == .null)
    }
  }

  @Suite("Price overrides") struct PriceOverrides {
    @Test("An override is told, replaces the price in a match, and goes when it is taken back")
    func setAndRemove() async throws {
      let corner = try Corner("price-set")
      let miner = try await corner.register("1", #""price_token_per_ksec": 2"#)
      let answer = try await corner.setPrice(
        of: "1", #""price": "0.12345678", "reason": "a promotion ü""#)
      answer.expectOK()
      let expected = #"""
        {"miner_id": "price-set-1", "price": 0.12345678, "reason": "a promotion ü",
        "expires_at": null}
        """#
      #expect(answer.json == (try JSONValue.parse(Array(expected.utf8))))
      let status = try await miner.status()
      // The miner's own price stays what it was.
      #expect(status["price_token_per_ksec"] == .number("2"))
      #expect(status["price_override"]?["price"] == .number("0.12345678"))
      #expect(status["price_override"]?["reason"]?.string == "a promotion ü")
      let match = try await corner.match(hints: #""max_price": 1"#)
      #expect(match.bestCandidate?["price"] == .number("0.12345678"))
      #expect(isClose(match.bestCandidate?["breakdown"]?["price"]?.double, 0.87654322))
      // A second one takes the first one's place; what the miner says changes nothing.
      try await corner.setPrice(of: "1", #""price": 5, "reason": "too cheap""#).expectOK()
      try await miner.update(#""price_token_per_ksec": 0.5"#).expectOK()
      #expect(try await corner.match(hints: #""max_price": 1"#).rejected("price") == 1)

      let removed = try await corner.client.removePriceOverride(of: miner.id)
      removed.expectOK()
      #expect(removed.json?["miner_id"]?.string == miner.id)
      #expect(try await miner.status()["price_override"] == nil)
      #expect(try await corner.match().bestCandidate?["price"] == .number("0.5"))
      // Taking back what isn't there does no harm.
      try await corner.client.removePriceOverride(of: miner.id).expectOK()
    }

    @Test("An override counts in the ranks")
    func ranks() async throws {
      let corner = try Corner("price-rank")
      for (name, price) in [("a", 1), ("b", 2), ("c", 3)] {
        try await corner.register(name, #""price_token_per_ksec": \#(price)"#)
      }
      #expect(try await corner.found() == ["a", "b", "c"])
      try await corner.setPrice(of: "c", #""price": 0, "reason": "free""#).expectOK()
      let answer = try await corner.match()
      #expect(corner.names(in: answer) == ["c", "a", "b"])
      #expect(answer.candidates.map { $0["breakdown"]?["price"]?.double } == [1, 0.5, 0])
    }

    @Test("An override stops to count when it expires")
    func expiry() async throws {
      let corner = try Corner("price-expiry")
      let miner = try await corner.register("1", #""price_token_per_ksec": 2"#)
      let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
      let end = Date().addingTimeInterval(1.5)
      let text = end.formatted(style)
      let answer = try await corner.setPrice(
        of: "1", #""price": 1, "reason": "r", "expires_at": "\#(text)""#)
      answer.expectOK()
      #expect(answer.json?["expires_at"]?.string == text)
      #expect(try await miner.status()["price_override"]?["expires_at"]?.string == text)
      #expect(try await corner.match().bestCandidate?["price"] == .number("1"))
      try await eventually("the miner's own price counts again") {
        try await corner.match().bestCandidate?["price"] == .number("2")
      }
      #expect(Date() >= end.addingTimeInterval(-0.002))
      #expect(try await miner.status()["price_override"] == nil)
    }

    @Test(
      "Times are read as RFC 3339 has them",
      arguments: [
        ("2099-01-31T12:00:00Z", "2099-01-31T12:00:00.000Z"),
        ("2099-01-31T12:00:00.5Z", "2099-01-31T12:00:00.500Z"),
        ("2099-01-31T14:00:00+02:00", "2099-01-31T12:00:00.000Z"),
        ("2099-01-31T12:00:00.123456Z", "2099-01-31T12:00:00.123Z"),
      ])
    func times(_ sent: String, _ told: String) async throws {
      let corner = try Corner("price-time")
      try await corner.register("1")
      let answer = try await corner.setPrice(
        of: "1", #""price": 1, "reason": "r", "expires_at": "\#(sent)""#)
      answer.expectOK()
      #expect(answer.json?["expires_at"]?.string == told)
    }

    @Test("No millisecond is lost")
    func milliseconds() async throws {
      let corner = try Corner("price-ms")
      let miner = try await corner.register("1")
      for number in stride(from: 1, through: 999, by: 13) {
        let digits = String(repeating: "0", count: 3 - "\(number)".count) + "\(number)"
        let time = "2031-07-09T01:02:03.\(digits)Z"
        let answer = try await corner.setPrice(
          of: "1", #""price": 1, "reason": "r", "expires_at": "\#(time)""#)
        #expect(answer.json?["expires_at"]?.string == time)
        #expect(try await miner.status()["price_override"]?["expires_at"]?.string == time)
      }
    }

    @Test("Names may be percent-encoded", arguments: ["a:b", "a.b", "A_b-9", ":"])
    func encodedNames(_ name: String) async throws {
      let corner = try Corner("price-name")
      try await corner.register(name)
      for id in [corner.id(name), corner.id(name).replacing(":", with: "%3A")] {
        let answer = try await corner.client.request(
          "PUT", "/v1/miners/\(id)/price-override", bearer: corner.client.adminSecret,
          text: #"{"price": 1, "reason": "r"}"#)
        answer.expectOK()
        #expect(answer.json?["miner_id"]?.string == corner.id(name))
      }
    }

    @Test("An unknown miner is 404", arguments: ["price-nobody", "a%20b", "%00", "x%2Fy"])
    func unknown(_ id: String) async throws {
      let client = try Corner("price-404").client
      let path = "/v1/miners/\(id)/price-override"
      let put = try await client.request(
        "PUT", path, bearer: client.adminSecret, text: #"{"price": 1, "reason": "r"}"#)
      #expect(put.status == 404, "\(put.text)")
      let delete = try await client.request("DELETE", path, bearer: client.adminSecret)
      #expect(delete.status == 404, "\(delete.text)")
    }
  }
}
