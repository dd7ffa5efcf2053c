import JSON

/// Reads a flat object, whose fields are all known, in one walk over its bytes. It knows only how to succeed: a
/// fault, an unknown field or one that comes twice makes it give up, and the general way tells them by name.
protocol PlainObjectReader {
  /// Raw values below 32.
  associatedtype Field: RawRepresentable where Field.RawValue == UInt32

  var scanner: JSONScanner { get set }

  static func field(_ name: UnsafeRawBufferPointer) -> Field?
  /// - Returns: false for what the general way has to read.
  mutating func readValue(of field: Field) -> Bool
}

extension PlainObjectReader {
  /// - Returns: false when the general way has to read it.
  mutating func readObject() -> Bool {
    guard scanner.take(UInt8(ascii: "{")) else { return false }
    var seen: UInt32 = 0
    while true {
      guard let name = scanner.name(), let field = Self.field(name),
        seen & (1 << field.rawValue) == 0, readValue(of: field)
      else { return false }
      seen |= 1 << field.rawValue
      if scanner.take(UInt8(ascii: "}")) { return true }
      guard scanner.take(UInt8(ascii: ",")) else { return false }
    }
  }
}
