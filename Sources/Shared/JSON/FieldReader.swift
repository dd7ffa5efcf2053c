/// What is wrong with one field of a request, for the `errors` list of a problem answer.
package struct FieldError: Error, Equatable, Sendable {
  /// The path as the caller wrote it: `requirements.min_vram_gb`, `tags[3]`.
  package var field: String
  /// A stable word: `required`, `type`, `range`, `length`, `format`, `value`; of offers also `expired` and
  /// `not_of_this_match`.
  package var code: String
  package var detail: String

  package init(field: String, code: String, detail: String) {
    self.field = field
    self.code = code
    self.detail = detail
  }
}

/// Reads an object's fields and gathers every fault instead of stopping at the first.
///
/// A field that is absent or null reads as nil. One that is wrong reads as nil and leaves a `FieldError`.
/// Unknown fields are not looked at.
package struct FieldReader {
  private let object: JSONObject
  private let prefix: String
  package private(set) var errors: [FieldError] = []

  package init(_ object: JSONObject, prefix: String = "") {
    self.object = object
    self.prefix = prefix
  }

  package mutating func fail(_ name: String, _ code: String, _ detail: String) {
    errors.append(FieldError(field: prefix + name, code: code, detail: detail))
  }

  /// The first of `names` that is there and not null, with the name it went by.
  package func find(_ names: [String]) -> (name: String, value: JSONValue)? {
    for name in names {
      if let value = object[name], !value.isNull { return (name, value) }
    }
    return nil
  }

  package func has(_ name: String) -> Bool { find([name]) != nil }

  /// Text within `bytes` UTF-8 bytes, with no NUL, which PostgreSQL cannot hold.
  package mutating func text(_ names: String..., bytes: ClosedRange<Int>) -> String? {
    guard let (name, value) = find(names) else { return nil }
    return checkedText(value, name, bytes)
  }

  package mutating func requiredText(_ name: String, bytes: ClosedRange<Int>) -> String? {
    guard has(name) else {
      fail(name, "required", "\(name) is required")
      return nil
    }
    return text(name, bytes: bytes)
  }

  package mutating func number(_ names: String..., in range: ClosedRange<Double>) -> Double? {
    guard let (name, value) = find(names) else { return nil }
    guard case .number = value else {
      fail(name, "type", "\(name) must be a number")
      return nil
    }
    guard let number = value.double, range.contains(number) else {
      fail(
        name, "range",
        "\(name) must be from \(plain(range.lowerBound)) to \(plain(range.upperBound))")
      return nil
    }
    return number
  }

  package mutating func integer(_ names: String..., in range: ClosedRange<Int>) -> Int? {
    guard let (name, value) = find(names) else { return nil }
    guard case .number(let text) = value else {
      fail(name, "type", "\(name) must be a whole number")
      return nil
    }
    if let double = Double(text), double.rounded() != double {
      fail(name, "type", "\(name) must be a whole number")
      return nil
    }
    guard let number = value.int, range.contains(number) else {
      fail(name, "range", "\(name) must be from \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    return number
  }

  package mutating func bool(_ name: String) -> Bool? {
    guard let (name, value) = find([name]) else { return nil }
    guard let bool = value.bool else {
      fail(name, "type", "\(name) must be true or false")
      return nil
    }
    return bool
  }

  package mutating func choice<Choice: RawRepresentable & CaseIterable>(
    _ name: String, of: Choice.Type = Choice.self
  ) -> Choice? where Choice.RawValue == String {
    guard let (name, value) = find([name]) else { return nil }
    if let choice = value.string.flatMap({ Choice(rawValue: $0) }) { return choice }
    let known = Choice.allCases.map { $0.rawValue }.joined(separator: ", ")
    let code = value.string == nil ? "type" : "value"
    fail(name, code, "\(name) must be one of \(known)")
    return nil
  }

  /// Distinct texts in their order.
  package mutating func texts(
    _ name: String, count: ClosedRange<Int>, bytes: ClosedRange<Int>
  ) -> [String]? {
    guard let (name, value) = find([name]) else { return nil }
    guard let items = value.array else {
      fail(name, "type", "\(name) must be a list of strings")
      return nil
    }
    guard count.contains(items.count) else {
      fail(name, "length", "\(name) may hold at most \(count.upperBound) entries")
      return nil
    }
    let errorCount = errors.count
    var distinct = DistinctTexts()
    for (index, item) in items.enumerated() {
      if let text = checkedText(item, "\(name)[\(index)]", bytes) { distinct.append(text) }
    }
    return errors.count == errorCount ? distinct.texts : nil
  }

  package mutating func object(_ name: String) -> JSONObject? {
    guard let (name, value) = find([name]) else { return nil }
    guard let object = value.object else {
      fail(name, "type", "\(name) must be an object")
      return nil
    }
    return object
  }

  /// Reads a nested object with its own reader; its faults join this one's under `name.`.
  package mutating func nested<Result>(
    _ name: String, _ read: (inout FieldReader) -> Result
  ) -> Result? {
    guard let object = object(name) else { return nil }
    var reader = FieldReader(object, prefix: prefix + name + ".")
    let result = read(&reader)
    errors += reader.errors
    return result
  }

  /// Reads a list of objects, each with a reader of its own; their faults join this one's.
  package mutating func objects<Result>(
    _ name: String, count: ClosedRange<Int>, _ read: (inout FieldReader) -> Result
  ) -> [Result]? {
    guard let (name, value) = find([name]) else { return nil }
    guard let items = value.array else {
      fail(name, "type", "\(name) must be a list of objects")
      return nil
    }
    guard count.contains(items.count) else {
      fail(name, "length", "\(name) may hold at most \(count.upperBound) entries")
      return nil
    }
    var results: [Result] = []
    for (index, item) in items.enumerated() {
      guard let object = item.object else {
        fail("\(name)[\(index)]", "type", "\(name)[\(index)] must be an object")
        continue
      }
      var reader = FieldReader(object, prefix: "\(prefix)\(name)[\(index)].")
      results.append(read(&reader))
      errors += reader.errors
    }
    return results
  }

  /// For what people write by hand: a member that none of these names is a fault.
  package mutating func allowOnly(_ names: [String]) {
    for member in object.members where !names.contains(member.name) {
      fail(member.name, "value", "\(member.name) is none of \(names.joined(separator: ", "))")
    }
  }

  /// The names of all members, in their order.
  package var names: [String] { object.members.map(\.name) }

  package mutating func checkedText(
    _ value: JSONValue, _ name: String, _ bytes: ClosedRange<Int>
  ) -> String? {
    guard let text = value.string else {
      fail(name, "type", "\(name) must be a string")
      return nil
    }
    guard bytes.contains(text.utf8.count) else {
      fail(
        name, "length",
        "\(name) must have \(bytes.lowerBound) to \(bytes.upperBound) bytes of UTF-8")
      return nil
    }
    if text.utf8.contains(0) {
      fail(name, "format", "\(name) must not hold a NUL")
      return nil
    }
    return text
  }

  private func plain(_ bound: Double) -> String {
    bound.rounded() == bound && abs(bound) < 1e15 ? String(Int64(bound)) : String(bound)
  }
}
