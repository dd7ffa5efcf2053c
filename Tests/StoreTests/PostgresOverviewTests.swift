import Domain
import Postgres
import Testing

@Suite("What people look at in PostgreSQL")
struct PostgresOverviewTests {
  private let miners = ["a", "b", "c"].map(SampleMiners.id)

  @Test("A survey pages through all miners, at the prices in force", arguments: [1, 2, 10])
  func survey(limit: Int) async throws {
    try await PostgresTestServer.withFreshPool { pool in
      try await SampleMiners.register(miners, in: pool)
      let store = PostgresMinerStore(pool: pool)
      let prices: [(MinerID, Price, Timestamp?)] = [
        (miners[0], Price(units: 5), nil),
        // Ended long ago.
        (miners[1], Price(units: 6), SampleMiners.now),
      ]
      for (id, price, expiry) in prices {
        _ = try await store.setPriceOverride(
          id, PriceOverride(price: price, reason: "r", expiresAt: expiry), now: SampleMiners.now,
          encode: SampleMiners.encode)
      }
      let overview = PostgresOverview(pool: pool)
      var seen: [PostgresOverview.SurveyedMiner] = []
      while true {
        let page = try await overview.survey(after: seen.last?.id, limit: limit)
        seen += page
        if page.count < limit { break }
      }
      #expect(seen.map(\.id) == miners)
      let own = try #require(try await store.record(miners[1])).record.profile
      #expect(seen.map(\.price) == [Price(units: 5), own.price, own.price])
      #expect(seen.allSatisfy { $0.gpuName == own.gpuName && $0.gpuCount == own.gpuCount })
    }
  }

  @Test("Reports on a miner come the newest first, and only its own")
  func feedback() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      try await SampleMiners.register(miners, in: pool)
      try await pool.run { connection in
        for number in 0..<7 {
          _ = try connection.execute(
            """
            INSERT INTO poolhub.feedback (coordinator, job_id, miner_id, outcome, weight,
              trust_before, trust_after, created_at)
            VALUES ('c', $1, $2, 'completed', 1, 0.5, 0.6, $3)
            """,
            [.text("j\(number)"), .text(number == 3 ? "b" : "a"), .timestamp(SampleMiners.now)])
        }
      }
      let overview = PostgresOverview(pool: pool)
      let reports = try await overview.feedback(on: miners[0], limit: 4)
      #expect(reports.map(\.jobID) == ["j6", "j5", "j4", "j2"])
      #expect(
        reports.first
          == PostgresOverview.CountedFeedback(
            coordinator: "c", jobID: "j6", outcome: "completed", weight: 1, trustBefore: 0.5,
            trustAfter: 0.6, at: SampleMiners.now))
      #expect(try await overview.feedback(on: miners[2], limit: 4) == [])
    }
  }
}
