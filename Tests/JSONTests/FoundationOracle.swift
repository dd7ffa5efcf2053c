import Foundation
import JSON

/// What Foundation makes of a text, and whether our reader agrees.
///
/// Deliberate differences, each checked for here so that nothing else hides behind them:
/// - Foundation takes UTF-16 and UTF-32 and skips a byte order mark; the contract says UTF-8, and RFC 8259
///   lets a reader refuse the mark.
/// - Foundation takes a comma before a closing bracket; RFC 8259 has none.
/// - Foundation nests up to 512 deep, ours 32: no body of the contract needs more than 4.
/// - Foundation refuses numbers too large for a double; ours keeps their text, and the field that they
///   stand in refuses them by its range.
enum FoundationOracle {
  enum Verdict: Equatable {
    case agree
    case refusedEncoding, refusedTrailingComma, refusedDepth, keptHugeNumber
    case differ(String)
  }

  static func compare(_ bytes: [UInt8]) -> Verdict {
    let theirs = try? JSONSerialization.jsonObject(
      with: Data(bytes), options: [.fragmentsAllowed])
    let ours: JSONValue
    do {
      ours = try JSONValue.parse(bytes)
    } catch {
      return theirs == nil ? .agree : excuse(error, in: bytes)
    }
    guard let theirs else {
      return holdsHugeNumber(ours) ? .keptHugeNumber : .differ("only ours takes it")
    }
    return isSame(ours, theirs) ? .agree : .differ("read as \(ours) and as \(theirs)")
  }

  private static func excuse(_ error: JSONError, in bytes: [UInt8]) -> Verdict {
    if bytes.prefix(4).contains(where: { $0 == 0 || $0 >= 0xEF }) { return .refusedEncoding }
    if error.fault == .tooDeep { return .refusedDepth }
    let before = bytes[..<error.byteOffset].last { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    if error.fault == .unexpectedByte, before == UInt8(ascii: ","),
      bytes[error.byteOffset] == UInt8(ascii: "]") || bytes[error.byteOffset] == UInt8(ascii: "}")
    {
      return .refusedTrailingComma
    }
    return .differ("only Foundation takes it: \(error)")
  }

  private static func holdsHugeNumber(_ value: JSONValue) -> Bool {
    switch value {
    case .number: value.double == nil
    case .array(let items): items.contains(where: holdsHugeNumber)
    case .object(let object): object.members.contains { holdsHugeNumber($0.value) }
    default: false
    }
  }

  static func isSame(_ ours: JSONValue, _ theirs: Any) -> Bool {
    switch (ours, theirs) {
    case (.null, is NSNull): true
    case (.string(let left), let right as String): left.utf8.elementsEqual(right.utf8)
    case (.bool(let left), let right as Bool): left == right
    case (.number(let text), let right as NSNumber): isSameNumber(text, right)
    case (.array(let left), let right as [Any]):
      left.count == right.count && zip(left, right).allSatisfy { isSame($0, $1) }
    case (.object(let left), let right as [String: Any]):
      Set(left.members.map(\.name)).count == right.count
        && left.members.allSatisfy { member in
          guard let value = left[member.name], let other = right[member.name] else { return false }
          return isSame(value, other)
        }
    default: false
    }
  }

  /// Foundation goes through `Decimal` for long numbers, which costs it the last digit or two.
  private static func isSameNumber(_ text: String, _ theirs: NSNumber) -> Bool {
    guard let ours = Double(text) else { return false }
    let digitCount = text.utf8.count { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    if digitCount <= 15 { return ours == theirs.doubleValue }
    return abs(ours - theirs.doubleValue) <= abs(ours) * 1e-14
  }
}
