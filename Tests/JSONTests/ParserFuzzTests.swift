import JSON
import TestRandom
import Testing

@Suite("Reading JSON, against Foundation")
struct ParserFuzzTests {
  @Test("random documents are read alike", arguments: 0..<8)
  func documents(seed: UInt64) {
    for index in 0..<500 {
      let bytes = RandomDocument(seed: seed << 32 | UInt64(index)).bytes
      let verdict = FoundationOracle.compare(bytes)
      #expect(verdict == .agree, "\(String(decoding: bytes, as: UTF8.self))")
    }
  }

  @Test(
    "their mutations are taken or refused alike, but for the known differences", arguments: 0..<8)
  func mutations(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for index in 0..<2_500 {
      var bytes = RandomDocument(seed: seed << 32 | UInt64(index % 250)).bytes
      for _ in 0...random.below(3) { Self.mutate(&bytes, &random) }
      if case .differ(let how) = FoundationOracle.compare(bytes) {
        Issue.record(
          "\(how): \(bytes.map(Unicode.Scalar.init).map { $0.escaped(asASCII: true) }.joined())")
      }
    }
  }

  @Test("a document cut anywhere is read like Foundation reads what is left", arguments: 0..<40)
  func truncations(seed: UInt64) {
    let bytes = RandomDocument(seed: seed).bytes
    for count in 0..<bytes.count {
      if case .differ(let how) = FoundationOracle.compare(Array(bytes[..<count])) {
        Issue.record("\(how): cut at \(count) of \(String(decoding: bytes, as: UTF8.self))")
      }
    }
  }

  @Test("random bytes never do more than throw", arguments: 0..<4)
  func noise(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<5_000 {
      let bytes = (0..<random.below(40)).map { _ in UInt8.random(in: 0...255, using: &random) }
      if case .differ(let how) = FoundationOracle.compare(bytes) {
        Issue.record("\(how): \(bytes)")
      }
    }
  }

  private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    let grammar = Array("{}[]\",:\\/+-.0123456789eEtfnu \n\0\u{7F}".utf8)
    let place = random.below(bytes.count + 1)
    switch random.below(6) {
    case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(random.below(8))
    case 1 where place < bytes.count: bytes[place] = random.pick(grammar)
    case 2 where place < bytes.count: bytes.remove(at: place)
    case 3: bytes.insert(random.pick(grammar), at: place)
    case 4: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
    default: bytes.removeSubrange(place...)
    }
  }
}
