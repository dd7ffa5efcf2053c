import Domain
import Postgres
import Synchronization
import Testing

@Suite("Pages of miners")
struct PostgresPagingTests {
  private let ids =
    (0..<60).map { SampleMiners.id("M\($0 % 7)-\($0)") } + [
      SampleMiners.id("a"), SampleMiners.id("B"), SampleMiners.id("_"), SampleMiners.id("a:b"),
    ]

  private func allPages(
    _ store: PostgresMinerStore, limit: Int, filter: MinerFilter = MinerFilter(),
    between: () async throws -> Void = {}
  ) async throws -> [MinerID] {
    var seen: [MinerID] = []
    while true {
      let page = try await store.page(after: seen.last, limit: limit, filter: filter)
      seen += page.map(\.record.id)
      if page.count < limit { return seen }
      try await between()
    }
  }

  @Test(
    "They hold every miner once, in byte order, whatever their size", arguments: [1, 7, 64, 1_000])
  func complete(limit: Int) async throws {
    try await PostgresTestServer.withFreshPool { pool in
      try await SampleMiners.register(ids, in: pool)
      let store = PostgresMinerStore(pool: pool)
      #expect(try await allPages(store, limit: limit) == ids.sorted())
    }
  }

  @Test("Filters leave out the others")
  func filters() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      try await SampleMiners.register(ids, in: pool)
      try await pool.run { connection in
        _ = try connection.execute(
          """
          UPDATE poolhub.trust_totals t SET good = v.good, bad = v.bad, score = v.score, version = 3
          FROM (VALUES ($1, 8, 0, 0.9), ($2, 0, 8, 0.1)) AS v (miner_id, good, bad, score)
          WHERE t.miner_id = v.miner_id
          """, [.text(ids[0].text), .text(ids[1].text)])
      }
      let store = PostgresMinerStore(pool: pool)
      func found(_ filter: MinerFilter) async throws -> [MinerID] {
        try await allPages(store, limit: 5, filter: filter)
      }
      let even = ids.enumerated().filter { $0.offset % 2 == 0 }.map(\.element).sorted()
      let third = ids.enumerated().filter { $0.offset % 3 == 0 }.map(\.element).sorted()
      #expect(try await found(MinerFilter(region: "eu")) == even)
      #expect(try await found(MinerFilter(region: "")) == [])
      #expect(try await found(MinerFilter(capability: "llm")) == third)
      #expect(try await found(MinerFilter(minTrust: 0.51)) == [ids[0]])
      #expect(try await found(MinerFilter(minTrust: 0.5)).count == ids.count - 1)
      #expect(try await found(MinerFilter(idPart: "-1")).count == 11)
      #expect(try await found(MinerFilter(idPart: "%")) == [])
      #expect(
        try await found(MinerFilter(region: "eu", capability: "llm"))
          == even.filter { third.contains($0) })
      let first = try #require(try await store.record(ids[0]))
      #expect(first.trust == MinerTrust(score: 0.9, good: 8, bad: 0, version: 3))
    }
  }

  @Test("While miners come and change, who was there all along is seen just once")
  func underChange() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      try await SampleMiners.register(ids, in: pool)
      let store = PostgresMinerStore(pool: pool)
      var added = 0
      let seen = try await allPages(store, limit: 5) {
        added += 1
        _ = try await store.register(
          id: SampleMiners.id("M\(added % 7)-new\(added)"),
          keyHash: SampleMiners.keyHash(UInt8(100 + added)), now: SampleMiners.now,
          update: { _ in }, encode: SampleMiners.encode)
        _ = try await store.update(
          ids[added], now: SampleMiners.now, change: { $0.region = "moved" },
          encode: SampleMiners.encode)
      }
      #expect(added > 5)
      #expect(Set(seen).count == seen.count)
      #expect(seen == seen.sorted())
      #expect(Set(ids).isSubset(of: seen))
    }
  }

  @Test("A snapshot holds every miner", arguments: [1, 16, 64, 65, 5_000])
  func snapshot(batch: Int) async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let store = PostgresMinerStore(pool: pool)
      var pageCount = 0
      try await store.streamAll(batch: batch) { _ in pageCount += 1 }
      #expect(pageCount == 0)
      try await SampleMiners.register(ids, in: pool)
      var seen: [MinerID] = []
      try await store.streamAll(batch: batch) { seen += $0.map(\.record.id) }
      #expect(seen == ids.sorted())
    }
  }
}
