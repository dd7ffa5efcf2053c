/// Why a text is not JSON, and at which byte.
package struct JSONError: Error, Equatable {
  package enum Fault: String, Sendable {
    case unexpectedEnd = "the text ends too early"
    case unexpectedByte = "an unexpected character"
    case badNumber = "a number that is none"
    case badEscape = "an unknown escape"
    case badUTF8 = "text that is not UTF-8"
    case tooDeep = "nested too deeply"
    case trailingBytes = "something after the value"
  }
  package let fault: Fault
  /// From the start of the text.
  package let byteOffset: Int
}

extension JSONValue {
  /// Reads one value by RFC 8259, strictly: no comments, no trailing commas, nothing after it.
  ///
  /// - Throws: `JSONError`, naming the fault and its place.
  package static func parse(_ bytes: some Collection<UInt8>) throws(JSONError) -> JSONValue {
    let done = bytes.withContiguousStorageIfAvailable { buffer in
      Result { () throws(JSONError) in try parse(UnsafeRawBufferPointer(buffer)) }
    }
    if let done { return try done.get() }
    return try Array(bytes).withUnsafeBytes { buffer in
      Result { () throws(JSONError) in try parse(buffer) }
    }.get()
  }

  package static func parse(_ buffer: UnsafeRawBufferPointer) throws(JSONError) -> JSONValue {
    var parser = JSONParser(bytes: buffer)
    return try parser.parseDocument()
  }
}

private struct JSONParser {
  static let depthLimit = 32

  let bytes: UnsafeRawBufferPointer
  var position = 0
  var depth = 0

  init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func parseDocument() throws(JSONError) -> JSONValue {
    let value = try parseValue()
    skipSpace()
    if position < bytes.count { throw error(.trailingBytes) }
    return value
  }

  private mutating func parseValue() throws(JSONError) -> JSONValue {
    skipSpace()
    switch try peek() {
    case UInt8(ascii: "{"): return try parseObject()
    case UInt8(ascii: "["): return try parseArray()
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
    case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
    case UInt8(ascii: "n"): return try parseWord("null", .null)
    default: return try parseNumber()
    }
  }

  private mutating func parseObject() throws(JSONError) -> JSONValue {
    try enter()
    var object = JSONObject()
    position += 1
    skipSpace()
    if try peek() == UInt8(ascii: "}") {
      leave()
      return .object(object)
    }
    while true {
      skipSpace()
      guard try peek() == UInt8(ascii: "\"") else { throw error(.unexpectedByte) }
      let name = try parseString()
      skipSpace()
      guard try peek() == UInt8(ascii: ":") else { throw error(.unexpectedByte) }
      position += 1
      object.append(name, try parseValue())
      if try endsAfterItem(UInt8(ascii: "}")) { return .object(object) }
    }
  }

  private mutating func parseArray() throws(JSONError) -> JSONValue {
    try enter()
    var items: [JSONValue] = []
    position += 1
    skipSpace()
    if try peek() == UInt8(ascii: "]") {
      leave()
      return .array(items)
    }
    while true {
      items.append(try parseValue())
      if try endsAfterItem(UInt8(ascii: "]")) { return .array(items) }
    }
  }

  /// Past an item: takes the comma, or the closing bracket and says true.
  private mutating func endsAfterItem(_ closing: UInt8) throws(JSONError) -> Bool {
    skipSpace()
    switch try peek() {
    case closing:
      leave()
      return true
    case UInt8(ascii: ","):
      position += 1
      return false
    default: throw error(.unexpectedByte)
    }
  }

  private mutating func enter() throws(JSONError) {
    depth += 1
    if depth > Self.depthLimit { throw error(.tooDeep) }
  }

  private mutating func leave() {
    depth -= 1
    position += 1
  }

  private mutating func parseWord(
    _ word: StaticString, _ value: JSONValue
  ) throws(JSONError) -> JSONValue {
    for index in 0..<word.utf8CodeUnitCount {
      guard try peek() == word.utf8Start[index] else { throw error(.unexpectedByte) }
      position += 1
    }
    return value
  }

  private mutating func parseNumber() throws(JSONError) -> JSONValue {
    let start = position
    if try peek() == UInt8(ascii: "-") { position += 1 }
    let firstDigit = position
    let digits = skipDigits()
    if digits == 0 { throw error(position == start ? .unexpectedByte : .badNumber) }
    if digits > 1 && bytes[firstDigit] == UInt8(ascii: "0") { throw error(.badNumber) }
    if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
      position += 1
      if skipDigits() == 0 { throw error(.badNumber) }
    }
    if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      if position < bytes.count,
        bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-")
      {
        position += 1
      }
      if skipDigits() == 0 { throw error(.badNumber) }
    }
    return .number(String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func skipDigits() -> Int {
    let start = position
    while position < bytes.count,
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position])
    {
      position += 1
    }
    return position - start
  }

  private mutating func parseString() throws(JSONError) -> String {
    position += 1
    let start = position
    while true {
      switch try peek() {
      case UInt8(ascii: "\""):
        defer { position += 1 }
        return try text(start..<position, from: bytes)
      case UInt8(ascii: "\\"): return try parseEscapedString(from: start)
      case 0..<0x20: throw error(.unexpectedByte)
      default: position += 1
      }
    }
  }

  /// A string with escapes in it, so that its bytes must be copied.
  private mutating func parseEscapedString(from start: Int) throws(JSONError) -> String {
    var copied = Array(bytes[start..<position])
    while true {
      let byte = try peek()
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        return try copied.withUnsafeBytes { buffer in
          Result { () throws(JSONError) in try text(0..<buffer.count, from: buffer) }
        }.get()
      case UInt8(ascii: "\\"): try parseEscape(into: &copied)
      case 0..<0x20:
        position -= 1
        throw error(.unexpectedByte)
      default: copied.append(byte)
      }
    }
  }

  private mutating func parseEscape(into copied: inout [UInt8]) throws(JSONError) {
    let byte = try peek()
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): copied.append(byte)
    case UInt8(ascii: "b"): copied.append(0x08)
    case UInt8(ascii: "f"): copied.append(0x0C)
    case UInt8(ascii: "n"): copied.append(0x0A)
    case UInt8(ascii: "r"): copied.append(0x0D)
    case UInt8(ascii: "t"): copied.append(0x09)
    case UInt8(ascii: "u"): copied.append(contentsOf: try parseUnicodeEscape())
    default: throw error(.badEscape)
    }
  }

  private mutating func parseUnicodeEscape() throws(JSONError) -> [UInt8] {
    let first = try parseHexQuad()
    var scalar = UInt32(first)
    if (0xD800..<0xDC00).contains(first) {
      guard try peek() == UInt8(ascii: "\\") else { throw error(.badEscape) }
      position += 1
      guard try peek() == UInt8(ascii: "u") else { throw error(.badEscape) }
      position += 1
      let second = try parseHexQuad()
      guard (0xDC00..<0xE000).contains(second) else { throw error(.badEscape) }
      scalar = 0x10000 + ((UInt32(first) - 0xD800) << 10) + (UInt32(second) - 0xDC00)
    }
    guard let unicode = Unicode.Scalar(scalar) else { throw error(.badEscape) }
    return Array(String(Character(unicode)).utf8)
  }

  private mutating func parseHexQuad() throws(JSONError) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(try peek())).hexDigitValue else {
        throw error(.badEscape)
      }
      position += 1
      value = value << 4 | UInt16(digit)
    }
    return value
  }

  private func text(
    _ range: Range<Int>, from source: UnsafeRawBufferPointer
  ) throws(JSONError) -> String {
    guard let text = String(validating: source[range], as: UTF8.self) else {
      throw error(.badUTF8)
    }
    return text
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private func peek() throws(JSONError) -> UInt8 {
    guard position < bytes.count else { throw error(.unexpectedEnd) }
    return bytes[position]
  }

  private func error(_ fault: JSONError.Fault) -> JSONError {
    JSONError(fault: fault, byteOffset: position)
  }
}
