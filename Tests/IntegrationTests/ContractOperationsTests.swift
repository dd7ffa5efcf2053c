import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses.Contract {
  @Suite("Health and metrics") struct Operations {
    @Test(
      "Health tells of the stores, the scorers and the miners",
      arguments: ["/v1/health", "/health"])
    func health(_ path: String) async throws {
      let corner = try Corner("ops-health")
      let miner = try await corner.register("1")
      try await miner.update(#""avg_latency_ms": 20"#).expectOK()
      try await eventually("scorers have told that somebody is online, and how fast") {
        let json = try await corner.client.request("GET", path).json
        return (json?["miners_online"]?.int ?? 0) > 0 && json?["avg_latency_ms"]?.double != nil
      }
      let answer = try await corner.client.request("GET", path)
      answer.expectOK()
      let json = try #require(answer.json)
      let fields = [
        "status", "db", "redis", "scorers", "miners_online", "online_miners", "avg_latency_ms",
        "db_error", "redis_error", "miners_error", "version", "gateway", "gateways", "scorer_list",
      ]
      #expect(json.object?.members.map(\.name) == fields)
      #expect(json["status"]?.string == "ok")
      #expect(json["db"] == .bool(true) && json["redis"] == .bool(true))
      #expect(json["scorers"]?.int == 2)
      #expect(json["miners_online"] == json["online_miners"])
      for field in ["db_error", "redis_error", "miners_error"] { #expect(json[field] == .null) }
      #expect(json["version"]?.string?.isEmpty == false)
      #expect(json["gateway"]?.string == "gateway-1")
      #expect(json["gateways"]?.array?.contains(.string("gateway-1")) == true)
      let scorers = try #require(json["scorer_list"]?.array)
      #expect(scorers.map { $0["scorer"]?.string } == ["scorer-1", "scorer-2"])
      for scorer in scorers {
        #expect(scorer["state"]?.string == "ready" && scorer["circuit"]?.string == "closed")
        for field in ["in_flight", "lag_ms", "answers_per_sec", "miners_online"] {
          #expect(scorer[field]?.int != nil, "\(field)")
        }
      }
    }

    @Test("Live answers at once")
    func live() async throws {
      let answer = try await Corner("ops-live").client.request("GET", "/v1/live")
      answer.expectOK()
      #expect(answer.json?["status"]?.string == "ok")
    }

    private static let promised = [
      "poolhub_miners_online", "poolhub_match_requests_total", "poolhub_match_candidates_total",
      "poolhub_match_failures_total", "poolhub_match_rejections_total",
      "poolhub_match_latency_seconds", "poolhub_heartbeats_total", "poolhub_websockets",
      "poolhub_registry_lag_seconds",
    ]

    @Test(
      "Metrics are sound Prometheus text, with the promised names",
      arguments: ["/v1/metrics", "/metrics"])
    func metrics(_ path: String) async throws {
      let corner = try Corner("ops-metrics")
      try await corner.register("1").beat(#""queue_len": 0"#).expectOK()
      try await corner.match().expectOK()
      let region = #"ops \"odd\" \\ region"#
      try await corner.register("2", #""region": "\#(region)""#)
      try await eventually("the scorers have told of the region") {
        let metrics = PrometheusText(try await corner.client.request("GET", path).text)
        return metrics.total("poolhub_miners_online", ["region": region]) == 1
      }
      let answer = try await corner.client.request("GET", path)
      #expect(answer.status == 200)
      #expect(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
      let metrics = PrometheusText(answer.text)
      #expect(metrics.faults == [])
      for name in Self.promised { #expect(metrics.types[name] != nil, "\(name)") }
      #expect(metrics.types.keys.contains { $0.hasPrefix("poolhub_scorer_") })
      #expect(metrics.samples("poolhub_scorer_ready").count == 2)
      for name in ["circuit_open", "in_flight", "lag_seconds", "answers_per_second", "waiting"] {
        #expect(metrics.samples("poolhub_scorer_\(name)").count == 2, "\(name)")
      }
      #expect(metrics.types["poolhub_dispatch_waiting"] != nil)
      let bounds = metrics.samples("poolhub_match_latency_seconds_bucket").compactMap {
        $0.labels["le"].flatMap(Double.init)
      }
      #expect(bounds.min() == 50e-6)
    }

    @Test("Matches and heartbeats are counted")
    func counted() async throws {
      let corner = try Corner("ops-count")
      let miner = try await corner.register("1", #""gpu_vram_gb": 1"#)
      func metrics() async throws -> PrometheusText {
        PrometheusText(try await corner.client.request("GET", "/v1/metrics").text)
      }
      let before = try await metrics()
      try await corner.match().expectOK()
      try await corner.match(#""min_vram_gb": 2"#).expectOK()
      #expect(try await corner.match("", hints: "", #""top_k": 0"#).status == 422)
      try await miner.beat(#""queue_len": 0"#).expectOK()
      let socket = try await miner.connect()
      try await socket.beat(1)
      let after = try await metrics()
      await socket.close()
      func grown(_ name: String, _ labels: [String: String] = [:]) -> Double {
        after.total(name, labels) - before.total(name, labels)
      }
      #expect(grown("poolhub_match_requests_total") == 3)
      #expect(grown("poolhub_match_candidates_total") == 1)
      #expect(grown("poolhub_match_rejections_total", ["reason": "vram"]) == 1)
      #expect(grown("poolhub_match_failures_total") == 0)
      #expect(grown("poolhub_match_latency_seconds_count") == 2)
      #expect(grown("poolhub_heartbeats_total") == 2)
      #expect(grown("poolhub_websockets") == 1)
    }
  }
}
