import Foundation
import Settings
import Testing

@Suite("Settings: secrets")
struct SecretTests {
  private static func coordinators(
    _ secrets: String?, shared: String? = nil
  ) throws -> [String] {
    try Environment.gatewaySettings([
      "POOLHUB_COORDINATOR_SECRETS": secrets, "POOLHUB_COORDINATOR_SHARED_SECRET": shared,
    ]).coordinators.map { "\($0.name)=\($0.secret)" }
  }

  @Test("coordinators are named with their secrets, old and new")
  func named() throws {
    #expect(
      try Self.coordinators(" a:secret-one, b : secret-two ,a:secret-three,")
        == ["a=secret-one", "b=secret-two", "a=secret-three"])
    #expect(try Self.coordinators("a:with:colons:in") == ["a=with:colons:in"])
  }

  @Test("one coordinator may have its secret alone, also beside named ones")
  func shared() throws {
    #expect(try Self.coordinators(nil, shared: "the-only-secret") == ["default=the-only-secret"])
    #expect(
      try Self.coordinators("a:secret-one", shared: "the-other-one")
        == ["a=secret-one", "default=the-other-one"])
  }

  @Test(
    "coordinators' secrets that won't do are refused",
    arguments: [
      "a b:secret-one", "é:secret-one", "a\nb:secret-one",
      "secret-without-name", ":secret-one", "a:", "a:short", "a:secret-one,b", ",", " , ",
      "a:" + String(repeating: "s", count: 513), String(repeating: "n", count: 129) + ":secret-one",
      "a:secret-one,a:secret-two,a:secret-three", "a:secret-one,b:secret-one",
      "a:secret-one,a:secret-one",
    ])
  func badCoordinators(value: String) throws {
    let error = try FaultTests.fault(.gateway, ["POOLHUB_COORDINATOR_SECRETS": value])
    #expect(error.key == "POOLHUB_COORDINATOR_SECRETS")
  }

  @Test("the shared secret counts among the coordinators' for twins and triples")
  func sharedTwins() throws {
    #expect(throws: SettingsError.self) {
      try Self.coordinators("a:secret-one", shared: "secret-one")
    }
    #expect(throws: SettingsError.self) {
      try Self.coordinators("default:secret-one,default:secret-two", shared: "secret-three")
    }
  }

  @Test(
    "a secret has 8 to 512 bytes",
    arguments: [
      "POOLHUB_ADMIN_SECRET", "POOLHUB_COORDINATOR_SHARED_SECRET",
    ])
  func lengths(key: String) throws {
    for count in [8, 512] {
      _ = try Environment.gatewaySettings([key: String(repeating: "s", count: count)])
    }
    for count in [1, 7, 513] {
      let error = try FaultTests.fault(.gateway, [key: String(repeating: "s", count: count)])
      #expect(error.key == key)
    }
  }

  @Test("signing keys are read in their order")
  func signingKeys() throws {
    let new = Data((0..<48).map { UInt8($0) })
    let keys = try Environment.gatewaySettings([
      "POOLHUB_SESSION_SIGNING_KEYS": " k2:\(new.base64EncodedString()) , \(Environment.signingKey)"
    ]).signingKeys
    #expect(keys.map(\.id) == ["k2", "k1"])
    #expect(keys.map(\.secret) == [Array(new), Array("0123456789abcdef0123456789abcdef".utf8)])
  }

  @Test(
    "signing keys that won't do are refused",
    arguments: [
      "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "k1:", "k1:not base64!", "k1:aHVzaA==",
      "k.1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
      ":MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
      "kéy:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
      "abcdefghijklmnopq:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
      "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=,k1:YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODk=",
      "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZQ==", ",",
    ])
  func badSigningKeys(value: String) throws {
    let error = try FaultTests.fault(.gateway, ["POOLHUB_SESSION_SIGNING_KEYS": value])
    #expect(error.key == "POOLHUB_SESSION_SIGNING_KEYS")
  }

  @Test(
    "no fault tells a secret, wherever it stands",
    arguments: [
      ["POOLHUB_COORDINATOR_SECRETS": "hushhush"], ["POOLHUB_COORDINATOR_SECRETS": "a:hush"],
      ["POOLHUB_COORDINATOR_SECRETS": "a:hush,b:c"],
      ["POOLHUB_COORDINATOR_SECRETS": "a:hushhush,b:hushhush"],
      ["POOLHUB_COORDINATOR_SECRETS": "a:hushhush1,a:hushhush2,a:hushhush3"],
      ["POOLHUB_COORDINATOR_SHARED_SECRET": "hush"], ["POOLHUB_ADMIN_SECRET": "hush"],
      ["POOLHUB_SESSION_SIGNING_KEYS": "k1:hush"], ["POOLHUB_SESSION_SIGNING_KEYS": "hush"],
      ["POOLHUB_SESSION_SIGNING_KEYS": "hush:hush,hush:hush"],
      ["POOLHUB_REDIS_URL": "http://:hush@127.0.0.1"], ["POOLHUB_REDIS_URL": "hush"],
    ])
  func hush(changes: [String: String]) throws {
    let error = try FaultTests.fault(.gateway, changes)
    #expect(!"\(error)".contains("hush"), "\(error)")
    #expect(!String(reflecting: error).contains("hush"))
  }
}
