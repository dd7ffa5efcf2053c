import Admission
import Testing

@Suite("The PROXY protocol's header") struct ProxyHeaderTests {
  private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]

  private static func binary(
    _ command: UInt8 = 0x21, _ family: UInt8, _ addresses: [UInt8], notes: Int = 0
  ) -> [UInt8] {
    let length = addresses.count + notes
    return signature + [command, family, UInt8(length >> 8), UInt8(length & 255)] + addresses
      + Array(repeating: 7, count: notes)
  }

  @Test(
    "version 1, a line",
    arguments: [
      ("PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n", "203.0.113.9"),
      ("PROXY TCP6 2001:db8::1 ::1 4711 443\r\n", "2001:db8::1"), ("PROXY UNKNOWN\r\n", nil),
      ("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", nil),
    ])
  func line(text: String, source: String?) {
    let bytes = Array(text.utf8)
    let whole = ProxyHeader.complete(
      source: source.flatMap { IPAddress($0) }, byteCount: bytes.count)
    #expect(ProxyHeader.read(bytes + Array("GET / HTTP".utf8)) == whole)
    for count in 0..<bytes.count {
      #expect(ProxyHeader.read(bytes.prefix(count)) == .incomplete, "\(count)")
    }
  }

  @Test("version 2, binary, with and without notes", arguments: [0, 200])
  func binary(notes: Int) {
    let four = Self.binary(0x21, 0x11, [203, 0, 113, 9, 10, 0, 0, 1, 1, 2, 3, 4], notes: notes)
    let six = Self.binary(
      0x21, 0x21, [0x20, 1, 0x0D, 0xB8] + Array(repeating: 0, count: 32), notes: notes)
    for (bytes, source) in [(four, "203.0.113.9"), (six, "2001:db8::")] {
      let whole = ProxyHeader.complete(source: IPAddress(source), byteCount: bytes.count)
      #expect(ProxyHeader.read(bytes + [0x47]) == whole)
      for count in 0..<bytes.count {
        #expect(ProxyHeader.read(bytes.prefix(count)) == .incomplete, "\(count)")
      }
    }
    let own = Self.binary(0x20, 0x00, [], notes: notes)
    #expect(ProxyHeader.read(own) == .complete(source: nil, byteCount: own.count))
  }

  @Test(
    "nothing else is one",
    arguments: [
      "GET / HTTP/1.1\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", "PROXY TCP4 ::1 ::1 1 2\r\n",
      "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
      "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
      "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", "PROXY\r\n", "proxy UNKNOWN\r\n",
      "PROXY UNKNOWN " + String(repeating: "x", count: 200),
    ])
  func nonsense(text: String) { #expect(ProxyHeader.read(Array(text.utf8)) == .malformed) }

  @Test("a binary one of another version, too long or too short for its addresses is none")
  func badBinary() {
    #expect(ProxyHeader.read(Self.binary(0x11, 0x11, Array(repeating: 1, count: 12))) == .malformed)
    #expect(ProxyHeader.read(Self.binary(0x22, 0x11, Array(repeating: 1, count: 12))) == .malformed)
    #expect(ProxyHeader.read(Self.binary(0x21, 0x11, Array(repeating: 1, count: 11))) == .malformed)
    #expect(
      ProxyHeader.read(Self.binary(0x21, 0x31, Array(repeating: 1, count: 216))) == .malformed)
    #expect(ProxyHeader.read(Self.binary(0x21, 0x00, [], notes: 1_100)) == .malformed)
  }
}
