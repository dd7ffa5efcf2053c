import Domain
import JSON

/// Reading a request's body: text to JSON to an object to checked fields, each fault with its answer.
package enum Body {
  /// - Throws: `Problem` 400 when it isn't JSON, 422 when it isn't an object.
  package static func object(_ bytes: some Collection<UInt8>) throws(Problem) -> JSONObject {
    // `withContiguousStorage…` rethrows untyped, so the typed error is carried out as a value.
    let done = bytes.withContiguousStorageIfAvailable { buffer in
      Result { () throws(Problem) in try object(UnsafeRawBufferPointer(buffer)) }
    }
    if let done { return try done.get() }
    return try Array(bytes).withUnsafeBytes { buffer in
      Result { () throws(Problem) in try object(buffer) }
    }.get()
  }

  package static func object(_ bytes: UnsafeRawBufferPointer) throws(Problem) -> JSONObject {
    let value: JSONValue
    do {
      value = try JSONValue.parse(bytes)
    } catch {
      throw Problem(
        .notJSON, "the body is not JSON: \(error.fault.rawValue) at byte \(error.byteOffset)")
    }
    guard let object = value.object else {
      throw .invalid([FieldError(field: "", code: "type", detail: "the body must be an object")])
    }
    return object
  }

  /// Runs `read` over the object's fields.
  ///
  /// - Throws: `Problem` 422 with every fault found.
  package static func read<Result>(
    _ object: JSONObject, _ read: (inout FieldReader) -> Result
  ) throws(Problem) -> Result {
    var fields = FieldReader(object)
    let result = read(&fields)
    guard fields.errors.isEmpty else { throw .invalid(fields.errors) }
    return result
  }
}

extension FieldReader {
  /// A price as a number or a string, exact.
  package mutating func price(_ names: String...) -> Price? {
    guard let (name, value) = find(names) else { return nil }
    let text: String
    switch value {
    case .number(let number): text = number
    case .string(let string): text = string
    default:
      fail(name, "type", "\(name) must be a number, or a number as a string")
      return nil
    }
    do {
      return try Price(decimal: text)
    } catch {
      switch error {
      case .notANumber: fail(name, "format", "\(name) is not a decimal number")
      case .tooManyPlaces: fail(name, "format", "\(name) may have at most 8 decimal places")
      case .outOfRange: fail(name, "range", "\(name) must be from 0 to 1000000000")
      }
      return nil
    }
  }

  mutating func requiredMinerID(_ name: String) -> MinerID? {
    guard has(name) else {
      fail(name, "required", "\(name) is required")
      return nil
    }
    guard let (_, value) = find([name]) else { return nil }
    return minerID(value, name)
  }

  mutating func minerID(_ value: JSONValue, _ name: String) -> MinerID? {
    guard let text = value.string else {
      fail(name, "type", "\(name) must be a string")
      return nil
    }
    guard let id = MinerID(text) else {
      fail(name, "format", "\(name) must be 1 to 64 of A-Z a-z 0-9 . _ : -")
      return nil
    }
    return id
  }

  package mutating func names(_ name: String) -> [String]? {
    texts(name, count: 0...Limits.listCount, bytes: 1...Limits.nameBytes)
  }

  /// Names whose case doesn't matter.
  mutating func lowercasedNames(_ name: String) -> [String]? {
    guard let names = names(name) else { return nil }
    var distinct = DistinctTexts()
    for name in names { distinct.append(name.lowercased()) }
    return distinct.texts
  }

  /// A list of strings, or a map of scalars that becomes `key:value` strings.
  mutating func tags(_ name: String) -> [String]? {
    guard let object = find([name])?.value.object else { return names(name) }
    guard object.members.count <= Limits.listCount else {
      fail(name, "length", "\(name) may hold at most \(Limits.listCount) entries")
      return nil
    }
    let errorCount = errors.count
    var distinct = DistinctTexts()
    for member in object.members {
      if let tag = tag(member.name, member.value, in: name) { distinct.append(tag) }
    }
    return errors.count == errorCount ? distinct.texts : nil
  }

  private mutating func tag(_ key: String, _ value: JSONValue, in name: String) -> String? {
    let path = "\(name).\(key)"
    let scalar: String
    switch value {
    case .string(let text): scalar = text
    case .number(let text): scalar = text
    case .bool(let value): scalar = value ? "true" : "false"
    case .null, .array, .object:
      fail(path, "type", "\(path) must be a string, a number, true or false")
      return nil
    }
    return checkedText(.string("\(key):\(scalar)"), path, 1...Limits.nameBytes)
  }
}
