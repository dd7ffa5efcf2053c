import Foundation
import GatewayPolicy
import Testing

@Suite("The table of secrets")
struct SecretTableTests {
  static let table = SecretTable([
    ("main", "first-secret"), ("main", "second-secret"), ("other", "third-secret"),
  ])

  @Test(
    "a secret names whose it is, the old one like the new",
    arguments: [
      ("first-secret", "main"), ("second-secret", "main"), ("third-secret", "other"),
    ])
  func known(secret: String, name: String) {
    #expect(Self.table.name(presenting: secret) == name)
  }

  @Test(
    "anything else is nobody's",
    arguments: [
      "", "first", "first-secret ", " first-secret", "First-secret", "first-secretsecond-secret",
      "main",
      "main:first-secret", "first-secret\0", String(repeating: "x", count: 100_000),
    ])
  func unknown(secret: String) {
    #expect(Self.table.name(presenting: secret) == nil)
  }

  @Test("an empty table knows nobody, not even who presents nothing")
  func empty() {
    #expect(SecretTable([]).name(presenting: "") == nil)
  }

  @Test("secrets that look alike and differ in bytes are two")
  func bytewise() {
    let table = SecretTable([("a", "caf\u{E9}-secret")])
    #expect(table.name(presenting: "caf\u{E9}-secret") == "a")
    #expect(table.name(presenting: "cafe\u{301}-secret") == nil)
  }

  @Test("secrets rest as SHA-256")
  func digest() {
    let digest = SecretTable.digest("abc").map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    #expect(
      digest.joined() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
}

@Suite("Coordinators by their secrets")
struct CoordinatorTableTests {
  @Test("those of the settings and those that were issued change each by themselves")
  func changes() {
    let table = CoordinatorTable(configured: SecretTable([("a", "secret-a")]))
    table.replace(issued: [(name: "b", digest: SecretTable.digest("secret-b"))])
    table.replace(configured: SecretTable([("a", "secret-a2"), ("c", "secret-c")]))
    let names = ["secret-a", "secret-a2", "secret-b", "secret-c"].map {
      table.name(presenting: $0)
    }
    #expect(names == [nil, "a", "b", "c"])
    table.replace(issued: [])
    #expect(table.name(presenting: "secret-b") == nil)
    #expect(table.configured.name(presenting: "secret-c") == "c")
  }
}
