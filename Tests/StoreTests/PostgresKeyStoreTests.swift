import Domain
import Foundation
import Postgres
import Testing

/// A key store on a database of one test's own, with the words that its tests use.
private struct KeysUnderTest {
  static let now = Timestamp(
    milliseconds: Int64(Date.now.timeIntervalSince1970 * 1_000))
  static let past = now.advanced(byMilliseconds: -60_000)
  static let future = now.advanced(byMilliseconds: 3_600_000)

  let pool: PostgresPool
  var store: PostgresKeyStore { PostgresKeyStore(pool: pool) }
  var log: PostgresAuditLog { PostgresAuditLog(pool: pool) }

  static func with(_ body: (KeysUnderTest) async throws -> Void) async throws {
    try await PostgresTestServer.withFreshPool(sessions: 8) { pool in
      try await body(KeysUnderTest(pool: pool))
    }
  }

  static func hash(_ seed: Int) -> [UInt8] {
    [UInt8(seed & 0xff), UInt8(seed >> 8)] + [UInt8](repeating: 7, count: 30)
  }

  static func entry(_ action: String, _ subject: String = "") -> AuditEntry {
    AuditEntry(
      actor: "operator", origin: "192.0.2.1", action: action, subject: subject, requestID: "r")
  }

  @discardableResult
  func issue(
    _ seed: Int, _ kind: IssuedKey.Kind, to owner: String?, label: String = "",
    until expiresAt: Timestamp? = nil, elsewhere: Int = 0
  ) async throws -> StoredKey {
    try await store.issue(
      NewKey(
        hash: Self.hash(seed), kind: kind, owner: owner, label: label, expiresAt: expiresAt),
      elsewhere: elsewhere, now: Self.now, audit: Self.entry("issue"))
  }

  @discardableResult
  func rotate(
    _ id: String, to seed: Int, overlapMilliseconds: Int64 = 60_000, at now: Timestamp = now,
    elsewhere: Int = 0
  ) async throws -> StoredKey {
    try await store.rotate(
      id, to: Self.hash(seed), overlapMilliseconds: overlapMilliseconds,
      elsewhere: { _ in elsewhere }, now: now, audit: Self.entry("rotate"))
  }

  @discardableResult
  func revoke(
    _ id: String, at now: Timestamp = now
  ) async throws -> (key: StoredKey, outboxID: Int64?) {
    try await store.revoke(id, now: now, audit: Self.entry("revoke", id)) { Array($0.text.utf8) }
  }

  func register(_ id: String, with seed: Int) async throws {
    _ = try await PostgresMinerStore(pool: pool).register(
      id: SampleMiners.id(id), keyHash: Self.hash(seed), now: Self.now, update: { _ in },
      encode: SampleMiners.encode)
  }

  func all() async throws -> [StoredKey] {
    try await store.page(after: "", kind: nil, owner: nil, live: nil, limit: 1_000)
  }

  /// The log, oldest first: action, subject, detail.
  func audited() async throws -> [[String]] {
    try await log.page(before: nil, action: nil, limit: 1_000).reversed()
      .map { [$0.entry.action, $0.entry.subject, $0.entry.detail] }
  }
}

@Suite("Keys in PostgreSQL") struct PostgresKeyStoreTests {
  private typealias Keys = KeysUnderTest

  @Test("An issued key is found as it was given, and in the log")
  func issue() async throws {
    try await Keys.with { keys in
      let miner = try await keys.issue(1, .miner, to: nil, label: "rack 7", until: Keys.future)
      let coordinator = try await keys.issue(2, .coordinator, to: "c")
      #expect(miner.kind == .miner && miner.owner == nil && miner.label == "rack 7")
      #expect(miner.createdAt == Keys.now && miner.expiresAt == Keys.future)
      #expect(miner.revokedAt == nil)
      #expect(coordinator.kind == .coordinator && coordinator.owner == "c")
      #expect(try await keys.store.key(miner.id) == miner)
      #expect(try await keys.store.key("nothing") == nil)
      #expect(try await keys.store.isLive(Keys.hash(1)))
      // A coordinator's key registers no miner.
      #expect(try await !keys.store.isLive(Keys.hash(2)))
      let live = try await keys.store.liveCoordinatorKeys()
      #expect(live.map(\.name) == ["c"] && live.map(\.hash) == [Keys.hash(2)])
      #expect(
        try await keys.audited() == [
          ["issue", miner.id, "miner"], ["issue", coordinator.id, "coordinator c"],
        ])
    }
  }

  @Test("What is refused leaves neither a key nor an entry")
  func refused() async throws {
    try await Keys.with { keys in
      await #expect(throws: KeyRefusal.unknownMiner) { try await keys.issue(1, .miner, to: "m") }
      await #expect(throws: KeyRefusal.unknownKey) { try await keys.rotate("nothing", to: 1) }
      await #expect(throws: KeyRefusal.unknownKey) { try await keys.revoke("nothing") }
      let left = try await keys.all()
      #expect(left.isEmpty)
      #expect(try await keys.audited().isEmpty)
    }
  }

  @Test("An owner has two live keys; ended ones make room, those in a gateway's settings take it")
  func two() async throws {
    try await Keys.with { keys in
      try await keys.register("m", with: 100)
      // The key that it registered with is one.
      let second = try await keys.issue(1, .miner, to: "m")
      await #expect(throws: KeyRefusal.tooMany) { try await keys.issue(2, .miner, to: "m") }
      try await keys.revoke(second.id)
      try await keys.issue(2, .miner, to: "m", until: Keys.past)
      try await keys.issue(3, .miner, to: "m")
      await #expect(throws: KeyRefusal.tooMany) { try await keys.issue(4, .miner, to: "m") }

      try await keys.issue(11, .coordinator, to: "c", elsewhere: 1)
      await #expect(throws: KeyRefusal.tooMany) {
        try await keys.issue(12, .coordinator, to: "c", elsewhere: 1)
      }
      let last = try await keys.issue(12, .coordinator, to: "c")
      await #expect(throws: KeyRefusal.tooMany) { try await keys.rotate(last.id, to: 13) }
      #expect(try await keys.store.key(last.id)?.expiresAt == nil)
      // Nobody else is touched by that.
      try await keys.issue(14, .coordinator, to: "m", elsewhere: 1)
    }
  }

  @Test("Coordinators have a hundred live keys in all, and miners have room beside them")
  func hundred() async throws {
    try await Keys.with { keys in
      for number in 0..<PostgresKeyStore.coordinatorKeyLimit {
        try await keys.issue(number, .coordinator, to: "c\(number / 2)")
      }
      await #expect(throws: KeyRefusal.tooMany) {
        try await keys.issue(500, .coordinator, to: "another")
      }
      try await keys.issue(501, .miner, to: nil)
      let first = try #require(try await keys.all().first { $0.owner == "c0" })
      try await keys.revoke(first.id)
      try await keys.issue(500, .coordinator, to: "another")
    }
  }

  @Test("Many at once get no more than two", arguments: IssuedKey.Kind.allCases)
  func atOnce(_ kind: IssuedKey.Kind) async throws {
    try await Keys.with { keys in
      if kind == .miner { try await keys.register("owner", with: 100) }
      let refusals = await withTaskGroup(of: KeyRefusal?.self) { group in
        for number in 0..<12 {
          group.addTask {
            do {
              try await keys.issue(number, kind, to: "owner")
              return nil
            } catch {
              return error as? KeyRefusal ?? .ended
            }
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(refusals.count { $0 == nil } == (kind == .miner ? 1 : 2))
      #expect(refusals.count { $0 == .tooMany } == (kind == .miner ? 11 : 10))
      #expect(try await keys.all().count == 2)
    }
  }
}

// MARK: Ends

extension PostgresKeyStoreTests {
  @Test("A rotation gives the owner another key, and the old one an end")
  func rotate() async throws {
    try await Keys.with { keys in
      let old = try await keys.issue(1, .coordinator, to: "c", label: "west")
      let new = try await keys.rotate(old.id, to: 2)
      #expect(new.id != old.id && new.owner == "c" && new.label == "west")
      #expect(new.expiresAt == nil)
      #expect(
        try await keys.store.key(old.id)?.expiresAt == Keys.now.advanced(byMilliseconds: 60_000))
      #expect(try await keys.store.liveCoordinatorKeys().count == 2)
      #expect(
        try await keys.audited().last
          == ["rotate", new.id, "replaces \(old.id), which ends in 60 s or before"])
      // With no overlap it ends at once, and there is room for another.
      try await keys.revoke(old.id)
      try await keys.rotate(new.id, to: 3, overlapMilliseconds: 0)
      #expect(try await keys.store.liveCoordinatorKeys().map(\.hash) == [Keys.hash(3)])
    }
  }

  @Test("A rotation doesn't prolong a key, and one that has ended is not rotated")
  func rotateEnded() async throws {
    try await Keys.with { keys in
      let soon = Keys.now.advanced(byMilliseconds: 30_000)
      let short = try await keys.issue(1, .miner, to: nil, until: soon)
      // As unused as the first; whoever registers has it.
      #expect(try await keys.rotate(short.id, to: 2).owner == nil)
      #expect(try await keys.store.key(short.id)?.expiresAt == soon)
      let expired = try await keys.issue(3, .miner, to: nil, until: Keys.past)
      await #expect(throws: KeyRefusal.ended) { try await keys.rotate(expired.id, to: 4) }
      try await keys.revoke(short.id)
      await #expect(throws: KeyRefusal.ended) { try await keys.rotate(short.id, to: 4) }
      #expect(try await keys.all().count == 3)
    }
  }

  @Test("A miner's revocation is told once, keeps its first time, and stands in the log each time")
  func revoke() async throws {
    try await Keys.with { keys in
      try await keys.register("m", with: 1)
      let id = try #require(try await keys.all().first?.id)
      let first = try await keys.revoke(id)
      let outboxID = try #require(first.outboxID)
      let told = try await PostgresOutbox(pool: keys.pool)
        .leftovers(olderThanMilliseconds: -60_000, limit: 10).first { $0.id == outboxID }
      #expect(told?.payload == Array("m".utf8))
      let again = try await keys.revoke(id, at: Keys.future)
      #expect(again.outboxID == nil && again.key.revokedAt == Keys.now)
      #expect(again.key == first.key && !again.key.isLive(at: Keys.now))
      #expect(
        try await keys.audited() == Array(repeating: ["revoke", id, "miner m"], count: 2))
      let miners = PostgresMinerStore(pool: keys.pool)
      #expect(try await miners.minerID(forKeyHash: Keys.hash(1)) == nil)
      #expect(try await keys.store.revocations(since: Keys.now) == [SampleMiners.id("m"): Keys.now])
      #expect(
        try await keys.store.revocations(since: Keys.now.advanced(byMilliseconds: 1)).isEmpty)
    }
  }

  @Test("Of several revoked keys of a miner the last time counts; others' keys end no sessions")
  func revocations() async throws {
    try await Keys.with { keys in
      try await keys.register("m", with: 1)
      let second = try await keys.issue(2, .miner, to: "m")
      let first = try #require(try await keys.all().first { $0.id != second.id })
      try await keys.revoke(first.id, at: Keys.past)
      try await keys.revoke(second.id)
      let unused = try await keys.issue(3, .miner, to: nil)
      let coordinator = try await keys.issue(4, .coordinator, to: "c")
      for id in [unused.id, coordinator.id] {
        #expect(try await keys.revoke(id).outboxID == nil)
      }
      #expect(
        try await keys.store.revocations(since: Keys.past) == [SampleMiners.id("m"): Keys.now])
      #expect(try await keys.store.liveCoordinatorKeys().isEmpty)
    }
  }

  @Test("The first registration binds an issued key; one that has ended binds to nobody")
  func binding() async throws {
    try await Keys.with { keys in
      let key = try await keys.issue(1, .miner, to: nil)
      try await keys.register("m", with: 1)
      #expect(try await keys.store.key(key.id)?.owner == "m")
      await #expect(throws: RegistrationError.keyInUse) { try await keys.register("n", with: 1) }
      let revoked = try await keys.issue(2, .miner, to: nil)
      try await keys.revoke(revoked.id)
      try await keys.issue(3, .miner, to: nil, until: Keys.past)
      try await keys.issue(4, .coordinator, to: "c")
      for seed in [2, 3] {
        #expect(try await !keys.store.isLive(Keys.hash(seed)))
        await #expect(throws: RegistrationError.keyEnded) {
          try await keys.register("n", with: seed)
        }
      }
      await #expect(throws: RegistrationError.keyInUse) { try await keys.register("n", with: 4) }
    }
  }

  @Test("A registration with a key that is being revoked is either refused or ended")
  func race() async throws {
    try await Keys.with { keys in
      for round in 0..<25 {
        let key = try await keys.issue(round, .miner, to: nil)
        async let registration: Void = keys.register("m\(round)", with: round)
        let revoked = try await keys.revoke(key.id)
        do {
          try await registration
          #expect(revoked.outboxID != nil && revoked.key.owner == "m\(round)")
        } catch {
          #expect(error as? RegistrationError == .keyEnded)
          #expect(revoked.outboxID == nil && revoked.key.owner == nil)
        }
      }
    }
  }

  @Test("Pages go by id, of all keys or of some")
  func pages() async throws {
    try await Keys.with { keys in
      try await keys.register("m", with: 1)
      let unused = try await keys.issue(2, .miner, to: nil, until: Keys.past)
      let coordinator = try await keys.issue(3, .coordinator, to: "c")
      try await keys.issue(4, .coordinator, to: "c")
      try await keys.revoke(coordinator.id)
      let all = try await keys.all()
      #expect(all.count == 4 && all.map(\.id) == all.map(\.id).sorted())
      func page(
        after cursor: String = "", _ kind: IssuedKey.Kind? = nil, owner: String? = nil,
        live: Bool? = nil, limit: Int = 10
      ) async throws -> [StoredKey] {
        try await keys.store.page(
          after: cursor, kind: kind, owner: owner, live: live, limit: limit)
      }
      #expect(try await page(limit: 3) == Array(all[..<3]))
      #expect(try await page(after: all[2].id) == [all[3]])
      #expect(try await page(.miner) == all.filter { $0.kind == .miner })
      #expect(try await page(.coordinator, live: false).map(\.id) == [coordinator.id])
      #expect(try await page(.miner, live: false).map(\.id) == [unused.id])
      #expect(try await page(owner: "m").map(\.owner) == ["m"])
      #expect(try await page(owner: "c", live: true).count == 1)
    }
  }
}
