import Settings
import Testing

@Suite("Settings: links between gateways and scorers")
struct CurveTests {
  private let secret = "POOLHUB_CURVE_SECRET_KEY"

  @Test("without keys links are plain; with keys both sides have them")
  func both() throws {
    #expect(try Environment.gatewaySettings().curve == nil)
    #expect(try Environment.scorerSettings().curve == nil)
    let gateway = try Environment.gatewaySettings([
      secret: "s", "POOLHUB_CURVE_SCORER_KEYS": "a, b",
    ]).curve
    #expect(gateway?.secretKey == "s")
    #expect(gateway?.peerKeys == ["a", "b"])
    let scorer = try Environment.scorerSettings([
      secret: "s", "POOLHUB_CURVE_GATEWAY_KEYS": "a",
      "POOLHUB_GATEWAYS": "tcp://a:1,tcp://b:1,tcp://c:1",
    ]).curve
    #expect(scorer?.peerKeys == ["a"])
  }

  @Test("half of it is a fault of the half that is missing")
  func halves() throws {
    func fault(_ changes: [String: String?]) -> String? {
      #expect(throws: SettingsError.self) { try Environment.gatewaySettings(changes) }?.key
    }
    #expect(fault([secret: "s"]) == "POOLHUB_CURVE_SCORER_KEYS")
    #expect(fault(["POOLHUB_CURVE_SCORER_KEYS": "a"]) == secret)
  }

  @Test("a scorer has one key of all gateways, or one of each")
  func counts() throws {
    let error = #expect(throws: SettingsError.self) {
      try Environment.scorerSettings([
        secret: "s", "POOLHUB_CURVE_GATEWAY_KEYS": "a,b",
        "POOLHUB_GATEWAYS": "tcp://a:1,tcp://b:1,tcp://c:1",
      ])
    }
    #expect(error?.key == "POOLHUB_CURVE_GATEWAY_KEYS")
  }

  @Test("what is no key is named and not shown")
  func badKeys() throws {
    let curve = try #require(
      try Environment.gatewaySettings([secret: "hush", "POOLHUB_CURVE_SCORER_KEYS": "1,x"]).curve)
    let bad = #expect(throws: SettingsError.self) { try curve.keys { Int($0) } }
    #expect(bad?.key == secret)
    #expect(bad?.description.contains("hush") == false)
    let peer = #expect(throws: SettingsError.self) {
      try curve.keys { $0 == "x" ? nil : $0 }
    }
    #expect(peer?.key == "POOLHUB_CURVE_SCORER_KEYS")
    #expect(try curve.keys { $0 }.peers == ["1", "x"])
  }

  @Test(
    "addresses of links: IPv6 in brackets, a port that is one",
    arguments: [
      ("tcp://127.0.0.1:8204", true), ("tcp://[::1]:8204", true), ("tcp://[::]:*", true),
      ("tcp://hub.example:0", true), ("ipc:///run/x", true), ("tcp://::1:8204", false),
      ("tcp://host", false), ("tcp://:8204", false), ("tcp://host:70000", false),
      ("tcp://host:", false), ("udp://host:1", false), ("ipc://", false),
    ])
  func endpoints(text: String, isFine: Bool) {
    let settings = try? Environment.gatewaySettings(["POOLHUB_SCORER_BIND": text])
    #expect((settings?.scorerBind == text) == isFine)
  }

  @Test("an address to listen on may stand in brackets", arguments: ["::1", "[::1]"])
  func bind(text: String) throws {
    #expect(try Environment.gatewaySettings(["POOLHUB_BIND": text]).bindAddress == "::1")
  }
}
