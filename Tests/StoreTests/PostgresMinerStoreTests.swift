import Domain
import Postgres
import Testing

@Suite("Miners in PostgreSQL")
struct PostgresMinerStoreTests {
  private let now = SampleMiners.now
  private let encode = SampleMiners.encode
  private let m1 = SampleMiners.id("m1")
  private let m2 = SampleMiners.id("m2")
  private let key1 = SampleMiners.keyHash(1)
  private let key2 = SampleMiners.keyHash(2)

  private func register(
    _ id: MinerID, _ keyHash: [UInt8], in store: PostgresMinerStore,
    _ update: @escaping PostgresMinerStore.Edit = { _ in }
  ) async throws -> Registration {
    try await store.register(id: id, keyHash: keyHash, now: now, update: update, encode: encode)
  }

  @Test("A registered miner is read back with every field")
  func everyField() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let store = PostgresMinerStore(pool: pool)
      let registration = try await register(m1, key1, in: store) { $0 = SampleMiners.profile }
      #expect(registration.created)
      #expect(registration.trust == .none)
      #expect(
        registration.record == MinerRecord(id: m1, version: 1, profile: SampleMiners.profile))
      let stored = try #require(try await store.record(m1))
      #expect(stored.record == registration.record)
      #expect(stored.trust == .none)
      #expect(stored.createdAt == now && stored.updatedAt == now)
      #expect(try await store.minerID(forKeyHash: key1) == m1)
      #expect(try await store.minerID(forKeyHash: key2) == nil)
      #expect(try await store.record(m2) == nil)
    }
  }

  @Test("Registering again edits the profile as it stands, and raises the version")
  func again() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let store = PostgresMinerStore(pool: pool)
      let first = try await register(m1, key1, in: store) { $0 = SampleMiners.profile }
      let second = try await register(m1, key1, in: store) { $0.maxParallel = 3 }
      var expected = SampleMiners.profile
      expected.maxParallel = 3
      #expect(!second.created)
      #expect(second.record == MinerRecord(id: m1, version: 2, profile: expected))
      #expect(try await store.record(m1)?.record == second.record)
      let rows = try await PostgresOutbox(pool: pool)
        .leftovers(olderThanMilliseconds: -60_000, limit: 10)
      #expect(rows.map(\.id) == [first.outboxID, second.outboxID])
      #expect(rows.map { String(decoding: $0.payload, as: UTF8.self) } == ["m1 1", "m1 2"])
    }
  }

  @Test(
    "A known id with another key, and a known key with another id, are refused and change nothing")
  func ownership() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let store = PostgresMinerStore(pool: pool)
      let first = try await register(m1, key1, in: store)
      await #expect(throws: RegistrationError.wrongKey) {
        try await register(m1, key2, in: store) { $0.addr = "evil" }
      }
      await #expect(throws: RegistrationError.keyInUse) {
        try await register(m2, key1, in: store) { $0.addr = "evil" }
      }
      #expect(try await store.record(m1)?.record == first.record)
      #expect(try await store.record(m2) == nil)
      // The refused key is still free, and so is the refused id.
      #expect(try await register(m2, key2, in: store).created)
    }
  }

  @Test("A revoked key is nobody's, and still not another's")
  func revoked() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let store = PostgresMinerStore(pool: pool)
      _ = try await register(m1, key1, in: store)
      try await pool.run { try $0.executeScript("UPDATE poolhub.api_keys SET revoked_at = now()") }
      #expect(try await store.minerID(forKeyHash: key1) == nil)
      await #expect(throws: RegistrationError.wrongKey) {
        try await register(m1, key1, in: store)
      }
      await #expect(throws: RegistrationError.keyInUse) {
        try await register(m2, key1, in: store)
      }
    }
  }

  @Test("Twenty registrations of one id at once: one creates, the rest update, none fails")
  func concurrentSameKey() async throws {
    try await PostgresTestServer.withFreshPool(sessions: 8) { pool in
      let store = PostgresMinerStore(pool: pool)
      let created = try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 1...20 {
          group.addTask {
            try await register(m1, key1, in: store) { $0.tags.append("t\(number)") }.created
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(created.count { $0 } == 1)
      let stored = try #require(try await store.record(m1))
      #expect(stored.record.version == 20)
      #expect(Set(stored.record.profile.tags).count == 20, "an update was lost")
    }
  }

  @Test("Many keys race for one id: one wins, the others are refused")
  func concurrentKeys() async throws {
    try await PostgresTestServer.withFreshPool(sessions: 8) { pool in
      let store = PostgresMinerStore(pool: pool)
      let wins = await withTaskGroup(of: Result<Bool, any Error>.self) { group in
        for seed in 1...12 as ClosedRange<UInt8> {
          group.addTask {
            do {
              return .success(
                try await register(m1, SampleMiners.keyHash(seed), in: store).created)
            } catch {
              return .failure(error)
            }
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      var winCount = 0
      for win in wins {
        switch win {
        case .success(let created):
          #expect(created)
          winCount += 1
        case .failure(let error): #expect(error as? RegistrationError == .wrongKey)
        }
      }
      #expect(winCount == 1)
    }
  }

  @Test("Many ids race for one key: one wins, the others are refused and don't exist")
  func concurrentIDs() async throws {
    try await PostgresTestServer.withFreshPool(sessions: 8) { pool in
      let store = PostgresMinerStore(pool: pool)
      let errors = await withTaskGroup(of: RegistrationError?.self) { group in
        for number in 1...12 {
          group.addTask {
            do {
              _ = try await register(SampleMiners.id("r\(number)"), key1, in: store)
              return nil
            } catch {
              return error as? RegistrationError
            }
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(errors.count { $0 == nil } == 1)
      #expect(errors.count { $0 == .keyInUse } == 11)
      let stored = try await store.page(after: nil, limit: 100)
      #expect(stored.count == 1)
    }
  }

  @Test("An update changes what it names; of an unknown miner it gives nothing")
  func update() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let store = PostgresMinerStore(pool: pool)
      _ = try await register(m1, key1, in: store) { $0 = SampleMiners.profile }
      let later = now.advanced(byMilliseconds: 5_000)
      let change = try #require(
        try await store.update(
          m1, now: later, change: { $0.price = Price(units: 7) }, encode: encode))
      var expected = SampleMiners.profile
      expected.price = Price(units: 7)
      #expect(change.record == MinerRecord(id: m1, version: 2, profile: expected))
      let stored = try #require(try await store.record(m1))
      #expect(stored.record == change.record)
      #expect(stored.createdAt == now && stored.updatedAt == later)
      #expect(try await store.update(m2, now: now, change: { _ in }, encode: encode) == nil)
    }
  }

  @Test("A price override is put in force, replaced and taken back, each a new version")
  func priceOverride() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let store = PostgresMinerStore(pool: pool)
      _ = try await register(m1, key1, in: store)
      let expired = PriceOverride(
        price: Price(units: 5), reason: "promo", expiresAt: Timestamp(milliseconds: 1_000))
      let lasting = PriceOverride(price: Price(units: 0), reason: "free", expiresAt: nil)
      for (version, value) in [(2, expired), (3, lasting), (4, nil), (5, nil)] {
        let change = try #require(
          try await store.setPriceOverride(m1, value, now: now, encode: encode))
        #expect(change.record.priceOverride == value)
        #expect(change.record.version == Int64(version))
        #expect(try await store.record(m1)?.record == change.record)
      }
      #expect(try await store.setPriceOverride(m2, lasting, now: now, encode: encode) == nil)
      // A later update keeps what is in force.
      _ = try await store.setPriceOverride(m1, lasting, now: now, encode: encode)
      let updated = try await store.update(
        m1, now: now, change: { $0.addr = "x" }, encode: encode)
      #expect(updated?.record.priceOverride == lasting)
    }
  }

  @Test("A NUL in a profile is an error that stores nothing", arguments: ["addr", "tag", "wallet"])
  func nul(field: String) async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let store = PostgresMinerStore(pool: pool)
      await #expect(throws: PostgresError.self) {
        try await register(m1, key1, in: store) { profile in
          switch field {
          case "addr": profile.addr = "a\0"
          case "tag": profile.tags = ["a\0b"]
          default: profile.walletAddress = "\0"
          }
        }
      }
      let stored = try await store.record(m1)
      #expect(stored == nil)
      let clean = try await register(m1, key1, in: store)
      #expect(clean.created)
    }
  }
}
