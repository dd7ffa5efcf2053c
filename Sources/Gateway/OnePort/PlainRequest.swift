import NIOCore
import NIOHTTP1

/// A request as nearly everybody writes it: its head is read in one walk over the bytes.
///
/// What NIO's decoder reads as the same, at several times the cost: a strict part of RFC 9112, of which no two readers
/// think differently. Every other request is the decoder's.
struct PlainRequest {
  enum Reading {
    case plain(PlainRequest)
    /// Plain as far as it goes, and in the middle of its head.
    case begun
    case other
  }

  let head: HTTPRequestHead
  let headByteCount: Int
  let bodyByteCount: Int

  var byteCount: Int { headByteCount + bodyByteCount }

  /// Reads the head that `bytes` begin with.
  /// - Parameter headByteLimit: a longer one isn't plain.
  static func read(_ bytes: UnsafeRawBufferPointer, headByteLimit: Int) -> Reading {
    var walk = HeadWalk(bytes: bytes, limit: min(bytes.count, headByteLimit))
    if let request = PlainRequest(&walk) { return .plain(request) }
    return walk.isAtEnd ? .begun : .other
  }

  private init?(_ walk: inout HeadWalk) {
    guard let method = walk.method(), let uri = walk.target() else { return nil }
    let bytes = walk.bytes
    var fields: [(String, String)] = []
    fields.reserveCapacity(8)
    var hostCount = 0
    var length: Int?
    while !walk.take("\r\n") {
      guard !walk.isAtEnd, let name = walk.fieldName(), let value = walk.fieldValue() else {
        return nil
      }
      switch PlainField(bytes[name]) {
      case .ordinary: break
      case .host: hostCount += 1
      case .contentLength:
        guard length == nil, let count = Self.length(bytes[value]) else { return nil }
        length = count
      case .connection:
        guard value.count == 10, bytes[value].isField("keep-alive") else { return nil }
      case .special: return nil
      }
      fields.append((Self.text(bytes[name]), Self.text(bytes[value])))
    }
    guard hostCount == 1 else { return nil }
    head = HTTPRequestHead(
      version: .http1_1, method: method, uri: Self.text(bytes[uri]),
      headers: HTTPHeaders(fields))
    headByteCount = walk.place
    bodyByteCount = length ?? 0
  }

  private static func text(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
    String(decoding: UnsafeRawBufferPointer(rebasing: bytes), as: UTF8.self)
  }

  /// Seven digits are more than a body may have.
  private static func length(_ digits: Slice<UnsafeRawBufferPointer>) -> Int? {
    guard (1...7).contains(digits.count) else { return nil }
    var value = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      value = 10 * value + Int(digit - UInt8(ascii: "0"))
    }
    return value
  }
}

/// What a field has to do with where a request ends, or with its connection.
private enum PlainField {
  case ordinary, host, contentLength, connection, special

  init(_ name: Slice<UnsafeRawBufferPointer>) {
    // By length first: most names are told apart by it.
    switch name.count {
    case 2 where name.isField("te"): self = .special
    case 4 where name.isField("host"): self = .host
    case 6 where name.isField("expect"): self = .special
    case 7 where name.isField("upgrade") || name.isField("trailer"): self = .special
    case 10 where name.isField("connection"): self = .connection
    case 14 where name.isField("content-length"): self = .contentLength
    case 16 where name.isField("proxy-connection"): self = .special
    case 17 where name.isField("transfer-encoding"): self = .special
    default: self = .ordinary
    }
  }
}

extension Slice<UnsafeRawBufferPointer> {
  /// - Parameter lowercase: as many letters and hyphens as there are bytes.
  fileprivate func isField(_ lowercase: StaticString) -> Bool {
    assert(count == lowercase.utf8CodeUnitCount)
    var place = lowercase.utf8Start
    for byte in self {
      // Of all that may stand in a name only a letter's case is in this bit, and the hyphen has it.
      if byte | 0x20 != place.pointee { return false }
      place += 1
    }
    return true
  }
}

/// The walk over a head's bytes. Each step is nil where they aren't plain, or end.
private struct HeadWalk {
  let bytes: UnsafeRawBufferPointer
  let limit: Int
  private(set) var place = 0
  /// A step came to the end of all that is there, and found it plain.
  private(set) var isAtEnd = false

  init(bytes: UnsafeRawBufferPointer, limit: Int) {
    self.bytes = bytes
    self.limit = limit
  }

  mutating func method() -> HTTPMethod? {
    if take("POST ") { return .POST }
    if take("GET ") { return .GET }
    return nil
  }

  mutating func target() -> Range<Int>? {
    let start = place
    guard take("/") else { return nil }
    skip { (0x21...0x7E).contains($0) }
    let end = place
    return take(" HTTP/1.1\r\n") ? start..<end : nil
  }

  mutating func fieldName() -> Range<Int>? {
    let start = place
    skip(Self.isInNames)
    let end = place
    return end > start && take(": ") ? start..<end : nil
  }

  /// Printable ASCII with no space at its ends.
  mutating func fieldValue() -> Range<Int>? {
    let start = place
    skip { (0x20...0x7E).contains($0) }
    let end = place
    guard end == start || bytes[start] != 0x20, take("\r\n"), end > start, bytes[end - 1] != 0x20
    else { return nil }
    return start..<end
  }

  mutating func take(_ text: StaticString) -> Bool {
    let count = min(text.utf8CodeUnitCount, limit - place)
    for offset in 0..<count where bytes[place + offset] != text.utf8Start[offset] { return false }
    if count < text.utf8CodeUnitCount {
      isAtEnd = limit == bytes.count
      return false
    }
    place += count
    return true
  }

  @inline(__always)
  private mutating func skip(_ isPart: (UInt8) -> Bool) {
    while place < limit, isPart(bytes[place]) { place += 1 }
  }

  /// Letters, digits, hyphens and underscores: all that names in use are made of.
  private static func isInNames(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
