import Domain
import Index
import Testing

@Suite struct ChangeOrderTests {
  @Test("an older record changes nothing, a newer one everything", arguments: IndexKind.allCases)
  func records(kind: IndexKind) {
    var index = kind.index()
    index.add(
      record("m", version: 5) {
        $0.region = "eu"
        $0.tags = ["five"]
      })
    index.upsert(record("m", version: 4) { $0.tags = ["four"] })
    index.upsert(
      record("m", version: 5) {
        $0.region = "eu"; $0.tags = ["five"]
      })
    #expect(index.names(query { $0.tagsAny = ["five"] }) == ["m"])
    index.upsert(
      record("m", version: 6) {
        $0.region = "us"
        $0.tags = ["six"]
        $0.addr = "moved:1"
      })
    #expect(index.names(query { $0.tagsAny = ["five"] }) == [])
    let found = index.match(query { $0.region = "us" }, at: noon).candidates
    #expect(found.map(\.addr) == ["moved:1"])
    #expect(index.match(query { $0.region = "eu" }, at: noon).candidates.isEmpty)
  }

  @Test("trust goes by version", arguments: IndexKind.allCases)
  func trustVersions(kind: IndexKind) {
    var index = kind.index()
    index.add(record("m"))
    index.apply(trust(0.8, version: 3), to: id("m"))
    index.apply(trust(0.2, version: 2), to: id("m"))
    #expect(index.match(query(), at: noon).candidates.map(\.trust) == [0.8])
    index.apply(trust(0.9, version: 4), to: id("m"))
    #expect(index.match(query(), at: noon).candidates.map(\.trust) == [0.9])
  }

  @Test(
    "a late patch fills only what nobody had said, and shortens no lease",
    arguments: IndexKind.allCases)
  func latePatch(kind: IndexKind) {
    var index = kind.index()
    index.upsert(record("m"))
    let later = noon.advanced(byMilliseconds: 5_000)
    index.apply(patch(at: later) { $0.queueLength = 1 }, to: id("m"))
    index.apply(
      patch(lease: 0) {
        $0.queueLength = 3
        $0.avgLatencyMilliseconds = 10
      }, to: id("m"))
    let end = later.advanced(byMilliseconds: 59_999)
    let found = index.match(query(), at: end).candidates
    #expect(found.map(\.parts.load) == [0.75])
    #expect(found.map(\.etaMilliseconds) == [20])
  }

  @Test(
    "a patch that says nothing keeps what was said, and a logout ends the lease",
    arguments: IndexKind.allCases)
  func renewAndLogout(kind: IndexKind) {
    var index = kind.index()
    index.add(record("m")) { $0.queueLength = 2 }
    let later = noon.advanced(byMilliseconds: 50_000)
    index.apply(patch(at: later), to: id("m"))
    let last = later.advanced(byMilliseconds: 59_999)
    #expect(index.match(query(), at: last).candidates.map(\.parts.load) == [0.5])
    index.apply(patch(at: last, lease: 0), to: id("m"))
    #expect(index.match(query(), at: last).counts?.reasons == [.offline: 1])
  }

  @Test("what isn't held is said so", arguments: IndexKind.allCases)
  func unknownMiners(kind: IndexKind) {
    var index = kind.index()
    let tookPatch = index.apply(patch(), to: id("m"))
    let tookTrust = index.apply(trust(1), to: id("m"))
    let removed = index.remove(id("m"))
    #expect(!tookPatch && !tookTrust)
    #expect(removed == nil)
    #expect(!index.contains(id("m")))
    index.upsert(record("m"))
    #expect(index.contains(id("m")))
  }

  @Test("times that no clock shows are borne", arguments: IndexKind.allCases)
  func absurdTimes(kind: IndexKind) {
    var index = kind.index()
    index.upsert(record("m"))
    index.apply(patch(at: Timestamp(milliseconds: .max)), to: id("m"))
    #expect(index.names(query()) == ["m"])
    index.upsert(record("n"))
    index.apply(patch(at: Timestamp(milliseconds: .min)), to: id("n"))
    #expect(index.names(query()) == ["m"])
  }

  @Test("a miner that leaves takes along all that a match reads", arguments: IndexKind.allCases)
  func removed(kind: IndexKind) throws {
    var index = kind.index()
    var miner = record("m", version: 9) {
      $0.region = "eu"
      $0.proto = .ws
      $0.gpuVRAMGB = 24
      $0.ramGB = 64
      $0.accel = ["cuda"]
      $0.tags = ["a"]
      $0.capabilities = ["b"]
    }
    miner.services = [
      EnabledService(
        type: "whisper", price: Price(units: 3), maxConcurrent: 2, capabilities: ["c"])
    ]
    miner.priceOverride = PriceOverride(price: .zero, reason: "", expiresAt: noon)
    index.upsert(miner)
    index.apply(trust(0.8), to: miner.id)
    let sign = patch { $0.queueLength = 1 }
    index.apply(sign, to: miner.id)
    miner.profile.capabilities = ["b", "c"]
    miner.services[0].capabilities = []
    let expected = RegisteredMiner(record: miner, trust: trust(0.8), status: sign)
    #expect(index.remove(miner.id) == expected)
    // Its row goes to another, who inherits nothing.
    index.add(record("n"))
    let found = index.match(query(), at: noon).candidates
    #expect(found.map(\.trust) == [0.5])
    #expect(found.map(\.parts.load) == [1])
  }
}
