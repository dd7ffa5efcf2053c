import Admission
import Testing

@Suite("Addresses and ranges") struct AddressTests {
  @Test(
    "are read as they are written",
    arguments: [
      ("127.0.0.1", "127.0.0.1"), ("::ffff:10.1.2.3", "10.1.2.3"), ("::1", "::1"),
      ("2001:DB8:0::1", "2001:db8::1"), ("::", "::"), ("255.255.255.255", "255.255.255.255"),
    ])
  func reading(text: String, shown: String) { #expect(IPAddress(text)?.description == shown) }

  @Test(
    "nothing else is an address",
    arguments: [
      "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4x", "[::1]", "::1%eth0", "1.2.3.4:80", " ::1",
      "localhost", "1.2.3.4\0",
    ])
  func nonsense(text: String) { #expect(IPAddress(text) == nil) }

  @Test(
    "a range holds what begins like it",
    arguments: [
      ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false),
      ("10.0.0.0/8", "::ffff:10.9.9.9", true), ("10.1.2.3", "10.1.2.3", true),
      ("10.1.2.3", "10.1.2.2", false), ("0.0.0.0/0", "1.2.3.4", true),
      ("0.0.0.0/0", "2001:db8::1", false), ("::/0", "1.2.3.4", true),
      ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
      ("::ffff:10.0.0.0/104", "10.3.2.1", true), ("::1/128", "::1", true),
      ("2001:db8::/65", "2001:db8::7fff:0:0:1", true),
      ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
    ])
  func ranges(range: String, address: String, holds: Bool) throws {
    #expect(try AddressRange(range).contains(#require(IPAddress(address))) == holds)
  }

  @Test(
    "a bad range is refused",
    arguments: ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "x/8", "/8"])
  func badRange(text: String) {
    #expect(throws: AddressRange.Fault.malformed) { try AddressRange(text) }
  }

  @Test("bits behind the prefix are a slip, and what was meant is named")
  func hostBits() {
    #expect(throws: AddressRange.Fault.hostBits(instead: "10.0.0.0/8")) {
      try AddressRange("10.0.0.5/8")
    }
    #expect(throws: AddressRange.Fault.hostBits(instead: "2001:db8::/32")) {
      try AddressRange("2001:db8::1/32")
    }
  }

  @Test("a /64 of IPv6 counts as one, and so does one IPv4 address")
  func subscribers() throws {
    func subscriber(_ text: String) -> IPAddress? { IPAddress(text)?.subscriber }
    #expect(subscriber("2001:db8::1:2:3:4") == subscriber("2001:db8::"))
    #expect(subscriber("2001:db8:0:1::") != subscriber("2001:db8::"))
    #expect(subscriber("10.0.0.1") != subscriber("10.0.0.2"))
  }
}

@Suite("Whose word counts for a client's address") struct TrustedProxyTests {
  private func client(
    _ values: [String], peer: String = "10.0.0.1", header: TrustedProxies.Header = .xForwardedFor
  ) throws -> String {
    let proxies = TrustedProxies(
      ranges: [try AddressRange("10.0.0.0/8"), try AddressRange("fd00::/8")], header: header)
    return proxies.client(peer: try #require(IPAddress(peer)), values: values).description
  }

  @Test(
    "X-Forwarded-For: from the right, the first that is no proxy of ours",
    arguments: [
      (["203.0.113.9"], "203.0.113.9"), (["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
      (["1.1.1.1, 203.0.113.9, 10.0.0.7"], "203.0.113.9"),
      (["1.1.1.1", "203.0.113.9 , 10.0.0.7"], "203.0.113.9"), (["10.0.0.9, 10.0.0.8"], "10.0.0.9"),
      (["203.0.113.9:4711"], "203.0.113.9"), (["[2001:db8::1]:4711"], "2001:db8::1"),
      (["2001:db8::1"], "2001:db8::1"), (["::ffff:203.0.113.9"], "203.0.113.9"), ([], "10.0.0.1"),
      (["203.0.113.9, unknown"], "10.0.0.1"), (["203.0.113.9, nonsense, 10.0.0.7"], "10.0.0.7"),
      ([""], "10.0.0.1"), (["203.0.113.9,"], "10.0.0.1"), (["1.2.3.4:x"], "10.0.0.1"),
    ])
  func forwardedFor(values: [String], shown: String) throws {
    #expect(try client(values) == shown)
  }

  @Test(
    "Forwarded: the same by RFC 7239",
    arguments: [
      (["for=203.0.113.9"], "203.0.113.9"),
      (["for=1.1.1.1, For=\"203.0.113.9:80\";proto=https;by=10.0.0.1"], "203.0.113.9"),
      (["proto=https; for=\"[2001:db8::1]:4711\""], "2001:db8::1"),
      (["for=203.0.113.9, for=\"_hidden\""], "10.0.0.1"),
      (["for=203.0.113.9, proto=http"], "10.0.0.1"),
      (["for=203.0.113.9;for=1.1.1.1"], "10.0.0.1"),
      (["for=1.1.1.1;x=\"a, for=2.2.2.2\", for=203.0.113.9"], "203.0.113.9"),
    ])
  func forwarded(values: [String], shown: String) throws {
    #expect(try client(values, header: .forwarded) == shown)
  }

  @Test("a stranger's headers count for nothing")
  func forged() throws {
    #expect(try client(["1.1.1.1"], peer: "203.0.113.5") == "203.0.113.5")
    #expect(try client(["for=1.1.1.1"], peer: "203.0.113.5", header: .forwarded) == "203.0.113.5")
    #expect(try client(["1.1.1.1"], header: .none) == "10.0.0.1")
  }

  @Test("a chain without end is read so far and no further")
  func long() throws {
    let hops = Array(repeating: "10.0.0.2", count: 5_000).joined(separator: ",")
    #expect(try client(["203.0.113.9," + hops]) == "10.0.0.2")
  }
}
