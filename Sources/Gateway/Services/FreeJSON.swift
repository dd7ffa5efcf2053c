import JSON

/// What a miner may write into `config` and `pricing` beside the fields that the hub knows: any JSON, but
/// not without end.
enum FreeJSON {
  static let depthLimit = 8
  static let memberLimit = 128
  static let itemLimit = 256
  static let nameBytes = 1...128
  static let textBytes = 0...4_096
  static let numberBytes = 64
  static let documentBytes = 16 * 1024
  /// A hopeless document gets no longer answer than this.
  private static let faultLimit = 16

  /// The same members, of two with one name only the later.
  static func distinct(_ object: JSONObject) -> JSONObject {
    var places: [Key: Int] = [:]
    var members: [(name: String, value: JSONValue)] = []
    for (name, value) in object.members {
      let value = distinct(value)
      if let place = places[Key(name)] {
        members[place].value = value
      } else {
        places[Key(name)] = members.count
        members.append((name, value))
      }
    }
    return JSONObject(members)
  }

  private static func distinct(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let object): .object(distinct(object))
    case .array(let items): .array(items.map { distinct($0) })
    default: value
    }
  }

  /// `target` as the patch wants it (RFC 7396): members of the patch count, null takes one away, objects
  /// are merged.
  static func merged(_ target: JSONObject, with patch: JSONObject) -> JSONObject {
    var members = target.members
    for (name, value) in patch.members {
      let place = members.firstIndex { Key($0.name) == Key(name) }
      if value.isNull {
        if let place { members.remove(at: place) }
        continue
      }
      var merged = value
      if let object = value.object {
        let held = place.flatMap { members[$0].value.object } ?? JSONObject()
        merged = .object(Self.merged(held, with: object))
      }
      if let place { members[place].value = merged } else { members.append((name, merged)) }
    }
    return JSONObject(members)
  }

  static func text(_ object: JSONObject) -> String {
    var json = JSONWriter()
    json.value(.object(object))
    return String(decoding: json.bytes, as: UTF8.self)
  }

  /// Every fault of an object that was sent as `path`.
  static func faults(_ object: JSONObject, at path: String) -> [FieldError] {
    var faults: [FieldError] = []
    check(.object(object), path, depth: 0, &faults)
    if faults.isEmpty, text(object).utf8.count > documentBytes {
      faults.append(
        fault(path, "length", "may have at most \(documentBytes) bytes as JSON"))
    }
    return faults
  }

  private static func check(
    _ value: JSONValue, _ path: String, depth: Int, _ faults: inout [FieldError]
  ) {
    if faults.count >= faultLimit { return }
    if depth > depthLimit {
      faults.append(fault(path, "depth", "lies deeper than \(depthLimit) levels"))
      return
    }
    switch value {
    case .null, .bool: break
    case .number(let text):
      if value.double == nil || text.utf8.count > numberBytes {
        faults.append(fault(path, "range", "is too large a number"))
      }
    case .string(let text): check(text, textBytes, path, &faults)
    case .array(let items):
      if items.count > itemLimit {
        faults.append(fault(path, "length", "may hold at most \(itemLimit) entries"))
        return
      }
      for (index, item) in items.enumerated() {
        check(item, "\(path)[\(index)]", depth: depth + 1, &faults)
      }
    case .object(let object):
      if object.members.count > memberLimit {
        faults.append(fault(path, "length", "may hold at most \(memberLimit) members"))
        return
      }
      for (name, member) in object.members {
        let count = faults.count
        check(name, nameBytes, path, &faults)
        if faults.count == count { check(member, "\(path).\(name)", depth: depth + 1, &faults) }
      }
    }
  }

  private static func check(
    _ text: String, _ bytes: ClosedRange<Int>, _ path: String, _ faults: inout [FieldError]
  ) {
    if !bytes.contains(text.utf8.count) {
      let range = "\(bytes.lowerBound) to \(bytes.upperBound)"
      faults.append(fault(path, "length", "has a text that is not of \(range) bytes of UTF-8"))
    } else if text.utf8.contains(0) {
      // PostgreSQL holds none.
      faults.append(fault(path, "format", "must not hold a NUL"))
    }
  }

  private static func fault(_ path: String, _ code: String, _ detail: String) -> FieldError {
    FieldError(field: path, code: code, detail: "\(path) \(detail)")
  }

  /// A name, byte by byte.
  private struct Key: Hashable {
    let bytes: [UInt8]
    init(_ text: String) { bytes = Array(text.utf8) }
  }
}
