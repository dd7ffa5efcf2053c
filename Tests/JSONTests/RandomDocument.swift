import TestRandom

/// Writes random JSON documents: every kind of value, space and escapes wherever the grammar has them.
struct RandomDocument {
  private(set) var bytes: [UInt8] = []
  private var random: SplitMix64

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
    value(depth: 0)
    space()
  }

  private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private mutating func space() {
    while random.chance(15) { put(random.pick([" ", "\n", "\t", "\r"])) }
  }

  private mutating func value(depth: Int) {
    space()
    switch random.below(depth < 6 ? 9 : 6) {
    case 0: put(random.pick(["null", "true", "false"]))
    case 1, 2: put(Self.number(&random))
    case 3...5: string()
    case 6, 7: object(depth: depth)
    default: array(depth: depth)
    }
    space()
  }

  private mutating func object(depth: Int) {
    put("{")
    let count = random.below(5)
    for index in 0..<count {
      if index > 0 { put(",") }
      space()
      string()
      space()
      put(":")
      value(depth: depth + 1)
    }
    if count == 0 { space() }
    put("}")
  }

  private mutating func array(depth: Int) {
    put("[")
    let count = random.below(5)
    for index in 0..<count {
      if index > 0 { put(",") }
      value(depth: depth + 1)
    }
    if count == 0 { space() }
    put("]")
  }

  private mutating func string() {
    put("\"")
    for _ in 0..<random.below(8) {
      switch random.below(6) {
      case 0: put("\\" + random.pick(["\"", "\\", "/", "b", "f", "n", "r", "t"]))
      case 1: escapedScalar(Self.scalar(&random))
      case 2:
        let scalar = Self.scalar(&random)
        if scalar.value >= 0x20, scalar != "\"", scalar != "\\" { put(String(Character(scalar))) }
      default: put(random.pick(["a", "miner", "Z", " ", "{", "]", ",", ":", "é", "日本", "😀", "0"]))
      }
    }
    put("\"")
  }

  private mutating func escapedScalar(_ scalar: Unicode.Scalar) {
    for unit in String(Character(scalar)).utf16 {
      let digits = String(unit, radix: 16, uppercase: random.chance(50))
      put("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
    }
  }

  /// From every plane, the control characters and the edges of the surrogates among them.
  static func scalar(_ random: inout SplitMix64) -> Unicode.Scalar {
    let limit: UInt32 = random.pick([0x20, 0x80, 0x800, 0x10000, 0x110000])
    let edges: [UInt32] = [
      0, 0x1F, 0x7F, 0x80, 0x7FF, 0x800, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x10FFFF,
    ]
    let value =
      random.chance(20) ? random.pick(edges) : UInt32.random(in: 0..<limit, using: &random)
    return Unicode.Scalar(value) ?? "x"
  }

  static func number(_ random: inout SplitMix64) -> String {
    var text = random.pick(["", "-"])
    text += random.chance(30) ? "0" : String(Int.random(in: 1...1_000_000, using: &random))
    if random.chance(40) { text += "." + String(random.below(100_000)) }
    if random.chance(25) {
      text += random.pick(["e", "E"]) + random.pick(["", "+", "-"]) + String(random.below(60))
    }
    return text
  }
}
