import Domain
import Postgres
import Testing

@Suite("Services in PostgreSQL")
struct PostgresServiceStoreTests {
  private let now = SampleMiners.now
  private let later = SampleMiners.now.advanced(byMilliseconds: 1_000)
  private let m1 = SampleMiners.id("m1")
  private let m2 = SampleMiners.id("m2")
  private let encode = SampleMiners.encode

  /// A database with the miners m1 and m2.
  private func withStores(
    sessions: Int = 4,
    _ body: (PostgresServiceStore, PostgresMinerStore, PostgresPool) async throws -> Void
  ) async throws {
    try await PostgresTestServer.withFreshPool(sessions: sessions) { pool in
      try await SampleMiners.register([m1, m2], in: pool)
      try await body(PostgresServiceStore(pool: pool), PostgresMinerStore(pool: pool), pool)
    }
  }

  private static let full: ServiceConfiguration = {
    var configuration = ServiceConfiguration()
    configuration.enabled = true
    configuration.config = #"{"b":1.50,"a":["é",{"x":null}]}"#
    configuration.pricing = #"{"price_token_per_ksec":"0.10"}"#
    configuration.price = Price(units: 10_000_000)
    configuration.capabilities = ["c", "", "a,b\"{}\\", "4"]
    configuration.maxConcurrent = 10
    return configuration
  }()

  @Test("A service is read back with every field, and its miner's record has it")
  func everyField() async throws {
    try await withStores { services, miners, pool in
      let made = try await services.write(
        m1, type: "whisper", mustExist: false, now: now, edit: { $0 = Self.full }, encode: encode)
      let expected = StoredService(
        type: "whisper", version: 2, configuration: Self.full, createdAt: now, updatedAt: now)
      #expect(made.service == expected)
      #expect(try await services.find(m1, type: "whisper") == expected)
      #expect(try await services.list(m1) == [expected])
      #expect(try await services.find(m2, type: "whisper") == nil)
      #expect(try await services.list(m2) == [])
      let record = try #require(try await miners.record(m1)?.record)
      #expect(record == made.change.record && record.version == 2)
      #expect(
        record.services == [
          EnabledService(
            type: "whisper", price: Price(units: 10_000_000), maxConcurrent: 10,
            capabilities: Self.full.capabilities)
        ])
      let rows = try await PostgresOutbox(pool: pool)
        .leftovers(olderThanMilliseconds: -60_000, limit: 10)
      #expect(rows.last?.id == made.change.outboxID)
      #expect(rows.last.map { String(decoding: $0.payload, as: UTF8.self) } == "m1 2")
    }
  }

  @Test("A miner's record has the services that are switched on, by type, and pages have them too")
  func enabled() async throws {
    try await withStores { services, miners, _ in
      for (type, isOn) in [("z", true), ("a", true), ("m", false)] {
        _ = try await services.write(
          m1, type: type, mustExist: false, now: now,
          edit: {
            $0.enabled = isOn
            $0.capabilities = isOn ? ["of-\(type)"] : ["hidden"]
          }, encode: encode)
      }
      #expect(try await miners.record(m1)?.record.services.map(\.type) == ["a", "z"])
      #expect(try await miners.page(after: nil, limit: 9).map(\.record.services.count) == [2, 0])
      func having(_ capability: String) async throws -> [MinerID] {
        try await miners.page(after: nil, limit: 9, filter: MinerFilter(capability: capability))
          .map(\.record.id)
      }
      #expect(try await having("of-z") == [m1])
      #expect(try await having("hidden") == [])
      // Other changes of the record keep them.
      let updated = try await miners.update(
        m1, now: now, change: { $0.region = "x" }, encode: encode)
      #expect(updated?.record.services.map(\.type) == ["a", "z"])
      #expect(updated?.record.version == 5)
    }
  }

  @Test("An edit starts from what is there; the time of making stays")
  func edit() async throws {
    try await withStores { services, _, _ in
      await #expect(throws: ServiceChangeError.neverSet) {
        _ = try await services.write(
          m1, type: "t", mustExist: true, now: now, edit: { _ in }, encode: encode)
      }
      _ = try await services.write(
        m1, type: "t", mustExist: false, now: now, edit: { $0 = Self.full }, encode: encode)
      let edited = try await services.write(
        m1, type: "t", mustExist: true, now: later, edit: { $0.maxConcurrent = 3 }, encode: encode)
      var expected = Self.full
      expected.maxConcurrent = 3
      #expect(
        edited.service
          == StoredService(
            type: "t", version: 3, configuration: expected, createdAt: now, updatedAt: later))
    }
  }

  @Test("What an edit throws comes out, and nothing is changed")
  func refusedEdit() async throws {
    struct Refused: Error {}
    try await withStores { services, miners, _ in
      await #expect(throws: Refused.self) {
        _ = try await services.write(
          m1, type: "t", mustExist: false, now: now, edit: { _ in throw Refused() },
          encode: encode)
      }
      let held = try await services.list(m1)
      #expect(held == [])
      #expect(try await miners.record(m1)?.record.version == 1)
    }
  }

  @Test("A change whose condition doesn't hold is stale; an unknown miner has no services")
  func conditions() async throws {
    try await withStores { services, miners, _ in
      let made = try await services.write(
        m1, type: "t", mustExist: false, now: now, condition: { $0 == nil }, edit: { _ in },
        encode: encode)
      let version = try #require(made.service?.version)
      await #expect(throws: ServiceChangeError.stale) {
        _ = try await services.write(
          m1, type: "t", mustExist: true, now: now, condition: { $0 == version + 1 },
          edit: { _ in }, encode: encode)
      }
      await #expect(throws: ServiceChangeError.stale) {
        _ = try await services.delete(
          m1, type: "t", now: now, condition: { $0 == nil }, encode: encode)
      }
      await #expect(throws: ServiceChangeError.unknownMiner) {
        _ = try await services.write(
          SampleMiners.id("nobody"), type: "t", mustExist: false, now: now, edit: { _ in },
          encode: encode)
      }
      #expect(try await miners.record(m1)?.record.version == version)
      let gone = try await services.delete(
        m1, type: "t", now: now, condition: { $0 == version }, encode: encode)
      #expect(gone.service == nil && gone.change.record.version == version + 1)
      await #expect(throws: ServiceChangeError.neverSet) {
        _ = try await services.delete(m1, type: "t", now: now, encode: encode)
      }
    }
  }

  @Test("Many at once make one row and lose no one's change; registrations go on between them")
  func concurrent() async throws {
    try await withStores(sessions: 8) { services, miners, _ in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<40 {
          group.addTask {
            _ = try await services.write(
              m1, type: "t", mustExist: false, now: now,
              edit: { $0.capabilities.append("\(number)") }, encode: encode)
          }
        }
        for _ in 0..<10 {
          group.addTask {
            _ = try await miners.update(
              m1, now: now, change: { $0.maxParallel += 1 }, encode: encode)
          }
        }
        try await group.waitForAll()
      }
      let held = try await services.list(m1)
      #expect(held.count == 1)
      #expect(
        held.first?.configuration.capabilities.compactMap(Int.init).sorted() == Array(0..<40))
      let record = try #require(try await miners.record(m1)?.record)
      #expect(record.version == 51 && record.profile.maxParallel == 11)
    }
  }

  @Test("Of many that want the same state, one gets it")
  func oneWinner() async throws {
    try await withStores(sessions: 8) { services, _, _ in
      let winners = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<16 {
          group.addTask {
            do {
              _ = try await services.write(
                m1, type: "t", mustExist: false, now: now, condition: { $0 == nil },
                edit: { _ in }, encode: encode)
              return 1
            } catch ServiceChangeError.stale {
              return 0
            }
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(winners == 1)
    }
  }
}
