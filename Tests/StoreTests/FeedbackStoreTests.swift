import Domain
import Feedback
import Postgres
import Testing
import Trust

@Suite("Feedback in PostgreSQL")
struct FeedbackStoreTests {
  private let miners = (0..<6).map { SampleMiners.id("m\($0)") }

  private func withStore(
    sessions: Int = 4,
    _ body: (PostgresFeedbackStore, PostgresPool) async throws -> Void
  ) async throws {
    try await PostgresTestServer.withFreshPool(sessions: sessions) { pool in
      try await SampleMiners.register(miners, in: pool)
      try await pool.run { try $0.executeScript("DELETE FROM poolhub.outbox") }
      let store = PostgresFeedbackStore(pool: pool) { changes in
        Array(changes.map { "\($0) \($1.version)" }.sorted().joined(separator: ", ").utf8)
      }
      try await body(store, pool)
    }
  }

  private func report(
    _ job: String, _ outcome: Outcome = .completed, miner: Int = 0, by coordinator: String = "c",
    key: String? = nil
  ) -> FeedbackReport {
    var report = FeedbackReport(
      coordinator: coordinator, jobID: job, minerID: miners[miner], outcome: outcome)
    report.idempotencyKey = key
    report.offer = ProvenOffer(madeAt: SampleMiners.now, price: Price(units: 7))
    return report
  }

  private func outbox(_ pool: PostgresPool) async throws -> [Int64: String] {
    let rows = try await PostgresOutbox(pool: pool)
      .leftovers(olderThanMilliseconds: -60_000, limit: 10_000)
    return Dictionary(
      uniqueKeysWithValues: rows.map { ($0.id, String(decoding: $0.payload, as: UTF8.self)) })
  }

  private func count(_ table: String, _ pool: PostgresPool) async throws -> Int64? {
    try await pool.run { try $0.execute("SELECT count(*) FROM poolhub.\(table)").first?.int(0) }
  }

  @Test("A batch is answered in order, its trust stored, one outbox row for all of it")
  func batch() async throws {
    try await withStore { store, pool in
      var detailed = report("j1", .failed, miner: 1)
      detailed.latencyMilliseconds = 12.5
      detailed.failCode = "oom"
      detailed.tokensSpent = 42
      let stranger = FeedbackReport(
        coordinator: "c", jobID: "j", minerID: SampleMiners.id("nobody"), outcome: .completed)
      var poisoned = report("j9")
      poisoned.failCode = "\0"
      let results = try await store.record([
        report("j1"), detailed, stranger, report("j2"), report("j1"), poisoned,
        report("j3", .accepted, miner: 2),
      ])
      let (first, second) = (try results[0].get(), try results[1].get())
      #expect(first.receipt.previousTrustScore == 0.5 && first.receipt.trustScore == 0.6)
      #expect(second.receipt.previousTrustScore == 0.5 && second.receipt.trustScore == 0.4)
      #expect(results[2] == .failure(.unknownMiner))
      #expect(try results[3].get().receipt.trustScore == 4.0 / 6)
      let repeated = try results[4].get()
      #expect(repeated.receipt.isDuplicate && repeated.receipt.trustScore == 0.6)
      #expect(repeated.outboxID == nil)
      #expect(results[5] == .failure(.invalidText))
      let accepted = try results[6].get()
      #expect(accepted.trust == .none && accepted.outboxID == nil)
      #expect(accepted.receipt.trustScore == 0.5 && !accepted.receipt.isDuplicate)

      let stored = try await PostgresMinerStore(pool: pool).record(miners[0])
      #expect(stored?.trust == first.trust)
      #expect(first.trust == MinerTrust(score: 4.0 / 6, good: 2, bad: 0, version: 2))
      let outboxID = try #require(first.outboxID)
      #expect(second.outboxID == outboxID)
      #expect(try await outbox(pool) == [outboxID: "m0 2, m1 1"])
      #expect(try await count("feedback", pool) == 4)
      let row = try await pool.run { connection in
        try connection.execute(
          """
          SELECT latency_ms, fail_code, tokens_spent, weight FROM poolhub.feedback
          WHERE miner_id = 'm1'
          """
        ).first.map {
          (try $0.double(0), try $0.text(1), try $0.int(2), try $0.double(3))
        }
      }
      #expect(try #require(row) == (12.5, "oom", 42, 1))
    }
  }

  @Test("The same report in a later batch is answered as before and counts once")
  func duplicate() async throws {
    try await withStore { store, pool in
      let first = try await store.record([report("j")])[0].get()
      _ = try await store.record([report("other", .failed)])
      let again = try await store.record([report("j")])[0].get()
      #expect(again.receipt.isDuplicate)
      #expect(again.receipt.trustScore == first.receipt.trustScore)
      #expect(again.receipt.previousTrustScore == first.receipt.previousTrustScore)
      #expect(again.outboxID == nil && again.trust.version == 2)
      #expect(try await count("feedback", pool) == 2)
      // Another coordinator's word on the same job is its own.
      let other = try await store.record([report("j", by: "d")])[0].get()
      #expect(!other.receipt.isDuplicate)
    }
  }

  @Test("An idempotency key stands for its body for a day, then may be used anew")
  func idempotencyKey() async throws {
    try await withStore { store, pool in
      let first = try await store.record([report("j", key: "k")])[0].get()
      let again = try await store.record([report("j", key: "k")])[0].get()
      #expect(again.receipt.isDuplicate && again.receipt.trustScore == first.receipt.trustScore)
      #expect(
        try await store.record([report("j2", key: "k")]) == [.failure(.keyReusedWithAnotherBody)])
      #expect(try await count("feedback", pool) == 1)
      // The key is one coordinator's.
      let other = try await store.record([report("j2", by: "d", key: "k")])[0].get()
      #expect(!other.receipt.isDuplicate)
      try await pool.run { connection in
        try connection.executeScript(
          "UPDATE poolhub.idempotency_keys SET created_at = created_at - interval '25 hours'")
      }
      #expect(try await !store.record([report("j2", key: "k")])[0].get().receipt.isDuplicate)
      #expect(
        try await store.record([report("j", key: "k")]) == [.failure(.keyReusedWithAnotherBody)])
      #expect(try await store.deleteExpiredKeys(limit: 100) == 1)
      #expect(try await count("idempotency_keys", pool) == 1)
    }
  }

  @Test("One report sent by many at once is counted once and answered alike")
  func concurrentDuplicates() async throws {
    try await withStore(sessions: 8) { store, pool in
      let receipts = try await withThrowingTaskGroup(of: FeedbackReceipt.self) { group in
        for _ in 0..<16 {
          group.addTask { try await store.record([report("j", key: "k")])[0].get().receipt }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(receipts.count { !$0.isDuplicate } == 1)
      #expect(Set(receipts.map(\.trustScore)) == [0.6])
      #expect(try await count("feedback", pool) == 1)
    }
  }

  @Test("One key sent with different reports at once: one is counted, the others are refused")
  func concurrentKey() async throws {
    try await withStore(sessions: 6) { store, pool in
      let results = try await withThrowingTaskGroup(
        of: Result<RecordedFeedback, FeedbackError>.self
      ) { group in
        for miner in 0..<6 {
          group.addTask { try await store.record([report("j", miner: miner, key: "k")])[0] }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(results.count { (try? $0.get()) != nil } == 1)
      #expect(results.count { $0 == .failure(.keyReusedWithAnotherBody) } == 5)
      #expect(try await count("feedback", pool) == 1)
    }
  }

  @Test(
    "Batches over the same miners don't block each other, and a replay gives the same bits"
  )
  func replay() async throws {
    try await withStore(sessions: 6) { store, pool in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for worker in 0..<6 {
          group.addTask {
            for round in 0..<10 {
              let reports = (0..<12).map { number in
                report(
                  "\(worker)-\(round)-\(number)",
                  Outcome.allCases[(worker + round + number) % 4],
                  miner: (number * (worker + 1) + round) % 6, by: "c\(worker % 3)",
                  key: number % 2 == 0 ? "k\(worker)-\(round)-\(number)" : nil)
              }
              for result in try await store.record(reports) { _ = try result.get() }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await count("feedback", pool) == 720)
      let reports = try await storedReports(pool)
      var replay = TrustReplay()
      for (report, trustAfter) in reports {
        replay.count(report)
        #expect(replay.trust(of: report.minerID).score.bitPattern == trustAfter.bitPattern)
      }
      let payloads = try await outbox(pool).values
      for id in miners {
        let trust = try #require(try await PostgresMinerStore(pool: pool).record(id)).trust
        #expect(replay.trust(of: id) == trust)
        #expect(payloads.contains { $0.contains("\(id) \(trust.version)") })
      }
    }
  }

  private func storedReports(
    _ pool: PostgresPool
  ) async throws -> [(TrustReplay.Report, Double)] {
    try await pool.run { connection in
      let result = try connection.execute(
        """
        SELECT miner_id, coordinator, outcome, weight, created_at, trust_after
        FROM poolhub.feedback ORDER BY id
        """)
      return try result.rows.map { row in
        let report = TrustReplay.Report(
          minerID: SampleMiners.id(try row.text(0)), coordinator: try row.text(1),
          outcome: try #require(Outcome(rawValue: try row.text(2))), weight: try row.double(3),
          recordedAt: try row.timestamp(4))
        return (report, try row.double(5))
      }
    }
  }

  @Test("A thousand reports in one batch")
  func largeBatch() async throws {
    try await withStore { store, pool in
      let reports = (0..<1_000).map { report("j\($0)", miner: $0 % 6, key: "k\($0)") }
      let results = try await store.record(reports)
      #expect(try results.allSatisfy { try !$0.get().receipt.isDuplicate })
      #expect(try await store.record(reports).allSatisfy { try $0.get().receipt.isDuplicate })
      #expect(try await outbox(pool).count == 1)
      #expect(try await store.record([]) == [])
    }
  }

  @Test("Tables that have grown since statements were prepared are still looked up by their keys")
  func plansForGrowth() async throws {
    try await withStore(sessions: 1) { store, pool in
      try await pool.run { try $0.executeScript("ANALYZE") }
      func reads() async throws -> (whole: Int64, byKey: Int64) {
        try await pool.run { connection in
          try connection.execute("SELECT pg_stat_force_next_flush()")
          let row = try connection.execute(
            """
            SELECT sum(seq_scan)::bigint, sum(idx_scan)::bigint FROM pg_stat_user_tables
            WHERE relname IN ('trust', 'trust_totals', 'feedback', 'miners', 'coordinator_days')
            """
          ).first
          return try (row?.int(0) ?? -1, row?.int(1) ?? -1)
        }
      }
      let before = try await reads()
      // Plans are kept from the sixth time on.
      for batch in 0..<8 {
        _ = try await store.record(miners.indices.map { report("job-\(batch)", miner: $0) })
      }
      let after = try await reads()
      #expect(after.whole == before.whole)
      #expect(after.byKey > before.byKey)
    }
  }

  @Test("What a coordinator has added in a day is kept, and a new day is a new one")
  func days() async throws {
    try await withStore { store, pool in
      func evidence(_ jobs: ClosedRange<Int>) async throws -> [Double?] {
        try await store.record(jobs.map { report("\($0)") }).map { try $0.get().receipt.evidence }
      }
      #expect(try await evidence(1...3) == [1, 1, 1])
      #expect(try await evidence(4...6) == [1, 1, 0])
      var unproven = report("none", miner: 1)
      unproven.offer = nil
      #expect(try await store.record([unproven])[0].get().receipt.evidence == 0.25)
      #expect(try await store.record([unproven])[0].get().receipt.evidence == 0.25)
      let (sum, proven) = try await pool.run { connection in
        (
          try connection.execute("SELECT good FROM poolhub.coordinator_days").first?.double(0),
          try connection.execute(
            """
            SELECT count(*) FROM poolhub.feedback
            WHERE offered_at = '2025-06-15 15:06:40.123Z' AND offered_price_units = 7
            """
          ).first?.int(0)
        )
      }
      #expect(sum == 5.25 && proven == 6)
      try await pool.run { connection in
        try connection.executeScript(
          """
          UPDATE poolhub.coordinator_days SET day = day - 1;
          UPDATE poolhub.trust SET day = day - 1
          """)
      }
      #expect(try await evidence(7...12) == [1, 1, 1, 1, 1, 0])
    }
  }

  @Test("With the database out of reach it throws what says so")
  func unavailable() async throws {
    let pool = PostgresPool(dsn: "host=/nonexistent")
    let store = PostgresFeedbackStore(pool: pool) { _ in [] }
    do {
      _ = try await store.record([report("j")])
      Issue.record("it was recorded")
    } catch let error as PostgresError {
      #expect(error.isUnavailable)
    }
    await pool.close()
  }
}
