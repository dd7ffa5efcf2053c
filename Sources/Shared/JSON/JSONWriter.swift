import Bytes

/// Writes JSON bytes straight out, for answers whose shape is known. Commas are its own affair.
///
///     var json = JSONWriter()
///     json.object { $0.field("status", "ok"); $0.field("count", 3) }
///
/// Public for the same reason as `ByteSink`: its smallest pieces are written where they stand.
public struct JSONWriter: ~Copyable {
  @usableFromInline var sink: ByteSink
  private var needsComma = false

  package init(capacity: Int = 512) { sink = ByteSink(capacity: capacity) }

  private init(_ sink: consuming ByteSink) { self.sink = sink }

  /// What `body` writes, and not copied once more where it is no longer than `capacity`, in bytes.
  package static func bytes(
    capacity: Int, _ body: (inout JSONWriter) -> Void
  ) -> [UInt8] {
    var longer: [UInt8]?
    let bytes = [UInt8](unsafeUninitializedCapacity: max(16, capacity)) { room, count in
      (count, longer) = write(into: room, body)
    }
    return longer ?? bytes
  }

  /// Writes what `body` does into `room`.
  ///
  /// - Precondition: `room` has an address.
  /// - Returns: how many bytes there are in it; where it is too small none, and all of them in `longer`.
  package static func write(
    into room: UnsafeMutableBufferPointer<UInt8>, _ body: (inout JSONWriter) -> Void
  ) -> (byteCount: Int, longer: [UInt8]?) {
    var json = JSONWriter(ByteSink(within: UnsafeMutableRawBufferPointer(room)))
    body(&json)
    return json.sink.ownsMemory ? (0, json.bytes) : (json.byteCount, nil)
  }

  /// All that was written so far.
  package var bytes: [UInt8] { sink.bytes }
  /// How many bytes that is.
  package var byteCount: Int { sink.count }

  /// An object as a value: of the document, or of an array.
  package mutating func object(_ body: (inout JSONWriter) throws -> Void) rethrows {
    try nested(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
  }

  package mutating func array(_ body: (inout JSONWriter) throws -> Void) rethrows {
    try nested(UInt8(ascii: "["), UInt8(ascii: "]"), body)
  }

  package mutating func objectField(
    _ name: StaticString, _ body: (inout JSONWriter) throws -> Void
  ) rethrows {
    writeName(name)
    try object(body)
  }

  package mutating func arrayField(
    _ name: StaticString, _ body: (inout JSONWriter) throws -> Void
  ) rethrows {
    writeName(name)
    try array(body)
  }

  package mutating func field(_ name: StaticString, _ value: String?) {
    writeName(name)
    if let value { self.value(value) } else { null() }
  }

  package mutating func field(_ name: StaticString, _ value: some BinaryInteger) {
    writeName(name)
    self.value(value)
  }

  package mutating func field(_ name: StaticString, _ value: Bool) {
    writeName(name)
    self.value(value)
  }

  package mutating func field(_ name: StaticString, _ value: Double?) {
    writeName(name)
    if let value { self.value(value) } else { null() }
  }

  package mutating func field(_ name: StaticString, _ values: [String]) {
    arrayField(name) { json in for value in values { json.value(value) } }
  }

  /// A number by its own digits.
  package mutating func field(_ name: StaticString, number text: String) {
    writeName(name)
    number(text)
  }

  /// A value that is JSON already.
  package mutating func field(_ name: StaticString, json text: String) {
    writeName(name)
    number(text)
  }

  package mutating func field(_ name: StaticString, value: JSONValue) {
    writeName(name)
    self.value(value)
  }

  /// A member whose name is not known beforehand.
  package mutating func field(named name: String, _ body: (inout JSONWriter) -> Void) {
    comma()
    writeString(name)
    sink.append(UInt8(ascii: ":"))
    needsComma = false
    body(&self)
  }

  package mutating func value(_ text: String) {
    comma()
    writeString(text)
  }

  package mutating func value(_ value: some BinaryInteger) { number(String(value)) }

  package mutating func value(_ value: Bool) { number(value ? "true" : "false") }

  /// The shortest digits that read back as `value`; whole numbers without a fraction; null when not finite.
  package mutating func value(_ value: Double) {
    comma()
    piece(value)
  }

  package mutating func null() { number("null") }

  package mutating func number(_ text: String) {
    comma()
    piece(unescaped: text)
  }

  // MARK: Pieces

  /// The pieces that follow are one value: text as it stands, where quotes and commas are the caller's affair. For
  /// what is written so often that the comfort above costs too much.
  package mutating func beginPieces() { comma() }

  /// Text that stands in the program.
  @inlinable @inline(__always)
  public mutating func piece(_ text: StaticString) {
    sink.append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Text in which nothing needs an escape.
  @inlinable @inline(__always)
  public mutating func piece(unescaped text: String) {
    text.utf8.span.bytes.withUnsafeBytes { sink.append($0) }
  }

  /// JSON that was written elsewhere, or a part of it.
  package mutating func piece(bytes: Span<UInt8>) {
    bytes.withUnsafeBytes { sink.append($0) }
  }

  /// Text with its quotes and escapes.
  package mutating func piece(string text: String) { writeString(text) }

  /// The nearest of `0.00` to `1.00`.
  @inlinable @inline(__always)
  public mutating func piece(twoPlaces part: Double) {
    sink.append(hundredths: Int(min(max(part, 0), 1) * 100 + 0.5))
  }

  /// - Parameter digit: 0 to 9.
  @inlinable @inline(__always)
  public mutating func piece(digit: Int) { sink.append(UInt8(ascii: "0") + UInt8(digit)) }

  /// A plain decimal: `units` of 10^-`places`, without zeros at the end of its fraction.
  ///
  /// - Parameters:
  ///   - units: not below 0.
  ///   - places: 8 at most.
  package mutating func piece(units: Int64, places: Int) {
    sink.append(units: units, places: places)
  }

  /// Once more the bytes that were written at `places`.
  package mutating func piece(again places: Range<Int>) { sink.append(again: places) }

  /// As `value` writes it.
  package mutating func piece(_ value: Double) {
    if abs(value) < 0x1p54 {
      let whole = Int64(value)
      if Double(whole) != value {
        if let units = Self.tenThousandths(value) {
          sink.append(units: units, places: 4)
        } else {
          sink.append(value)
        }
      } else if 0..<10 ~= whole {
        piece(digit: Int(whole))
      } else {
        piece(unescaped: String(whole))
      }
    } else if value.isFinite {
      sink.append(value)
    } else {
      piece("null")
    }
  }

  /// For fractions of few places, which are written without a search for their shortest digits.
  ///
  /// - Returns: nil when `value` isn't the double nearest to a number of them. Where it is, no other decimal of
  ///   15 digits or fewer is as near, so these are its shortest.
  private static func tenThousandths(_ value: Double) -> Int64? {
    guard value >= 0.001, value < 1_000_000 else { return nil }
    let units = (value * 10_000).rounded()
    return units / 10_000 == value ? Int64(units) : nil
  }

  package mutating func value(_ value: JSONValue) {
    switch value {
    case .null: null()
    case .bool(let value): self.value(value)
    case .number(let text): number(text)
    case .string(let text): self.value(text)
    case .array(let items): array { json in for item in items { json.value(item) } }
    case .object(let object):
      self.object { json in
        for member in object.members { json.field(named: member.name) { $0.value(member.value) } }
      }
    }
  }

  private mutating func nested(
    _ opening: UInt8, _ closing: UInt8, _ body: (inout JSONWriter) throws -> Void
  ) rethrows {
    comma()
    sink.append(opening)
    needsComma = false
    try body(&self)
    sink.append(closing)
    needsComma = true
  }

  private mutating func writeName(_ name: StaticString) {
    comma()
    sink.append(UInt8(ascii: "\""))
    piece(name)
    sink.append(UInt8(ascii: "\""))
    sink.append(UInt8(ascii: ":"))
    needsComma = false
  }

  private mutating func comma() {
    if needsComma { sink.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  private mutating func writeString(_ text: String) {
    sink.append(UInt8(ascii: "\""))
    text.utf8.span.withUnsafeBufferPointer { utf8 in
      // Without a jump, so that it looks at many bytes at once.
      var escapes: UInt8 = 0
      for byte in utf8 {
        escapes |= byte < 0x20 ? 1 : 0
        escapes |= byte == UInt8(ascii: "\"") ? 1 : 0
        escapes |= byte == UInt8(ascii: "\\") ? 1 : 0
      }
      if escapes == 0 {
        sink.append(UnsafeRawBufferPointer(utf8))
      } else {
        for byte in utf8 { writeEscaped(byte) }
      }
    }
    sink.append(UInt8(ascii: "\""))
  }

  private mutating func writeEscaped(_ byte: UInt8) {
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"):
      sink.append(UInt8(ascii: "\\"))
      sink.append(byte)
    case 0x0A: piece("\\n")
    case 0x0D: piece("\\r")
    case 0x09: piece("\\t")
    case 0..<0x20:
      let digits = String(byte, radix: 16)
      piece(unescaped: "\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
    default: sink.append(byte)
    }
  }
}
