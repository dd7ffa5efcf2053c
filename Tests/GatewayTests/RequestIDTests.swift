@testable import GatewayPolicy
import Testing

@Suite("Request ids")
struct RequestIDTests {
  @Test(
    "a caller's sane id is kept",
    arguments: [
      "a", "0", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "a.b_c:d-E",
      String(repeating: "x", count: 128),
    ])
  func sane(text: String) {
    #expect(RequestID.isSane(text))
  }

  @Test(
    "one that could break a log line or is too long is not",
    arguments: [
      "", " ", "a b", "a\n", "a\r\nX: y", "a\0", "é", "a\"", "a{", "a,b", "a;b", "<a>", "a/b",
      "\u{7F}", "ａ",
      String(repeating: "x", count: 129), String(repeating: "x", count: 100_000),
    ])
  func insane(text: String) {
    #expect(!RequestID.isSane(text))
  }

  @Test("our own are sane, 16 digits long and unlike each other")
  func own() {
    let ids = (0..<1_000).map { _ in RequestID.next() }
    #expect(Set(ids).count == ids.count)
    #expect(ids.allSatisfy { $0.count == 16 && RequestID.isSane($0) })
    #expect(RequestID.text(0) == "0000000000000000")
    #expect(RequestID.text(0x0123_4567_89AB_CDEF) == "0123456789abcdef")
  }
}
