import Foundation
import FuzzTargets
import Testing

/// `Tests/Fuzz/Corpus` without libFuzzer: what once mattered goes on being tried.
@Suite("The fuzzers' corpora") struct CorpusTests {
  private static let tests = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent()

  @Test("Every line is read or refused, and nothing disagrees", arguments: FuzzTarget.allCases)
  func lines(target: FuzzTarget) throws {
    let inputs = try Corpus.inputs(of: target, tests: Self.tests)
    #expect(inputs.count >= 5)
    for input in inputs { try target.check(input) }
  }

  @Test("So is every line with a byte changed, left out or put in", arguments: FuzzTarget.allCases)
  func neighbours(target: FuzzTarget) throws {
    for input in try Corpus.inputs(of: target, tests: Self.tests) {
      for place in input.indices {
        for byte: UInt8 in [0, 0x20, 0x22, 0x39, 0x7F, 0x80, 0xFF, input[place] ^ 1] {
          var changed = input
          changed[place] = byte
          try target.check(changed)
        }
        try target.check(Array(input[..<place]))
        try target.check(Array(input[..<place] + input[(place + 1)...]))
        try target.check(Array(input[...place] + input[place...]))
      }
    }
  }
}

/// Texts as they are and bytes in hexadecimal, one a line; the wire's golden files are part of it.
private enum Corpus {
  static func inputs(of target: FuzzTarget, tests: URL) throws -> [[UInt8]] {
    let file = tests.appending(path: "Fuzz/Corpus/\(target.rawValue)")
    if let text = try? String(contentsOf: file.appendingPathExtension("txt"), encoding: .utf8) {
      return text.split(separator: "\n").map { Array($0.utf8) }
    }
    let lines = try String(contentsOf: file.appendingPathExtension("hex"), encoding: .utf8)
    let kind = [FuzzTarget.record: "-message-", .change: "-change-"][target] ?? "/"
    let golden = tests.appending(path: "WireTests/Golden")
    let samples = try FileManager.default.contentsOfDirectory(atPath: golden.path())
      .filter { $0.contains(kind) }
      .map { try String(contentsOf: golden.appending(path: $0), encoding: .utf8) }
    return (lines.split(separator: "\n").map(String.init) + samples).map(bytes)
  }

  private static func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue).map(UInt8.init)
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
