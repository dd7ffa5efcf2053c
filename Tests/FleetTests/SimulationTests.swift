import Domain
import JSON
import Testing

@testable import Simulation

@Suite("Made-up miners and requests")
struct SimulationTests {
  @Test("The same seed gives the same miners, however many are asked for")
  func catalogIsRepeatable() {
    let (small, large) = (MinerCatalog(seed: 7, count: 50), MinerCatalog(seed: 7, count: 5_000))
    for index in 0..<50 { #expect(small[index] == large[index]) }
    #expect(MinerCatalog(seed: 8, count: 1)[0].apiKey != small[0].apiKey)
    #expect(MinerCatalog(seed: 8, count: 1)[0].id != small[0].id)
  }

  @Test("Every profile keeps the contract's limits, and its registration says what it says")
  func profilesAreValid() throws {
    var ids: Set<String> = []
    var keys: Set<String> = []
    for index in 0..<2_000 {
      let miner = MockMiner(seed: 3, index: index)
      #expect(MinerID(miner.id) != nil)
      #expect(ids.insert(miner.id).inserted)
      #expect(keys.insert(miner.apiKey).inserted)
      #expect(Limits.apiKeyBytes.contains(miner.apiKey.utf8.count))
      #expect(Limits.maxParallel.contains(miner.profile.maxParallel))
      #expect(Limits.priceUnits.contains(miner.profile.price.units))
      #expect(Set(miner.profile.capabilities).count == miner.profile.capabilities.count)
      #expect((0...1).contains(miner.reliability))
      let json = try JSONValue.parse(miner.registration)
      #expect(json["miner_id"]?.string == miner.id)
      #expect(json["region"]?.string == miner.profile.region)
      guard case .number(let digits)? = json["price_token_per_ksec"] else {
        Issue.record("the price is no number")
        continue
      }
      #expect(try Price(decimal: digits) == miner.profile.price)
    }
  }

  @Test("Regions are unequal and capabilities follow Zipf's law")
  func distribution() {
    var regions: [String: Int] = [:]
    var capabilities: [String: Int] = [:]
    for index in 0..<5_000 {
      let profile = MockMiner(seed: 1, index: index).profile
      regions[profile.region, default: 0] += 1
      for capability in profile.capabilities { capabilities[capability, default: 0] += 1 }
    }
    #expect(regions.count == MinerVocabulary.regions.count)
    #expect(regions["eu", default: 0] > 10 * regions["af", default: 0])
    let names = MinerVocabulary.capabilities
    #expect(capabilities[names[0], default: 0] > 4 * capabilities[names[20], default: 0])
    #expect(capabilities[names[39], default: 0] > 0)
  }

  @Test("Requests are repeatable, valid, and mostly different")
  func requests() throws {
    var (one, two) = (RequestMix(seed: 5), RequestMix(seed: 5))
    var bodies: Set<[UInt8]> = []
    for _ in 0..<1_000 {
      let body = one.next(jobID: "job")
      #expect(body == two.next(jobID: "job"))
      bodies.insert(body)
      let json = try JSONValue.parse(body)
      #expect(Limits.topK.contains(try #require(json["top_k"]?.int)))
      #expect(json["requirements"]?["capabilities_any"]?.array != nil)
    }
    #expect(bodies.count > 800)
  }

  @Test("Load and latency wander, within what the contract allows")
  func motion() throws {
    let miner = MockMiner(seed: 1, index: 4)
    var motion = MinerMotion(miner, random: SeededRandom(seed: 9))
    var queues: Set<Int> = []
    var latencies: Set<Double> = []
    for sequence in 1...500 {
      motion.advance(seconds: 20)
      let json = try JSONValue.parse(motion.heartbeat(sequence: sequence, jobs: 1))
      #expect(json["seq"]?.int == sequence)
      let queue = try #require(json["queue_len"]?.int)
      #expect((1...miner.profile.maxParallel + 1).contains(queue))
      queues.insert(queue)
      latencies.insert(try #require(json["avg_latency_ms"]?.double))
    }
    #expect(queues.count > 1)
    #expect(latencies.count > 100)
    #expect(latencies.allSatisfy { Limits.latencyMilliseconds.contains($0) && $0 > 0 })
  }

  @Test("Whoever was cut off waits longer and longer, never past the limit")
  func reconnecting() {
    var policy = ReconnectPolicy()
    var last = 0.0
    for _ in 0..<100 {
      let delay = policy.delaySeconds(unit: 0.999)
      #expect(delay >= last * 0.999 && delay <= ReconnectPolicy.longestSeconds)
      last = delay
    }
    policy.succeeded()
    #expect(policy.delaySeconds(unit: 0) == ReconnectPolicy.firstSeconds / 2)
  }

  @Test(
    "A WebSocket's URL is taken apart",
    arguments: [
      ("ws://127.0.0.1:8203/v1/x?a=b", "127.0.0.1", 8_203, "/v1/x?a=b"),
      ("http://host:1", "host", 1, "/"), ("ws://host/p", "host", 80, "/p"),
      ("ws://[::1]:99?q", "::1", 99, "/?q"),
    ])
  func target(url: String, host: String, port: Int, path: String) throws {
    let target = try #require(WebSocketTarget(url))
    #expect(target.host == host)
    #expect(target.port == port)
    #expect(target.path == path)
    #expect(WebSocketTarget("ftp://host") == nil)
  }

  @Test("Quantiles lie within a bucket's width of the truth")
  func quantiles() throws {
    let histogram = LatencyHistogram()
    #expect(histogram.quantile(0.5) == nil)
    for milliseconds in 1...1_000 { histogram.record(.milliseconds(milliseconds)) }
    for fraction in [0.01, 0.5, 0.99, 1] {
      let found = try #require(histogram.quantile(fraction)) / .milliseconds(1)
      #expect(abs(found / (1_000 * fraction) - 1) < 0.05)
    }
  }
}
