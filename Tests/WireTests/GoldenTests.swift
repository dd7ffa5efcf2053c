import Foundation
import Testing
import Wire

/// Holds the wire against the files in `Golden`. A file that no longer fits means that a neighbour of
/// the version before no longer understands this build: mend the codec, not the file.
@Suite("The wire's golden files")
struct GoldenTests {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")
  static let isWriting = ProcessInfo.processInfo.environment["POOLHUB_WRITE_GOLDEN"] == "1"

  @Test("a message's bytes are the golden ones", arguments: GoldenSamples.records.indices)
  func messages(index: Int) throws {
    let (name, record) = GoldenSamples.records[index]
    let bytes = RecordCodec.encode(record)
    let golden = try Self.golden("v\(record.version)-message-\(name)", now: bytes)
    #expect(bytes == golden)
    #expect(try RecordCodec.decodeAll(golden) == [record])
  }

  @Test(
    "an older version's shorter message is read, and what it lacks has its default",
    arguments: GoldenSamples.olderRecords.indices)
  func olderMessages(index: Int) throws {
    let (name, record) = GoldenSamples.olderRecords[index]
    let golden = try Self.golden("v\(record.version)-message-\(name)")
    #expect(try RecordCodec.decodeAll(golden) == [record])
  }

  @Test("a stream entry's bytes are the golden ones", arguments: GoldenSamples.changes.indices)
  func changes(index: Int) throws {
    let (name, changes) = GoldenSamples.changes[index]
    let bytes = ChangeCodec.encode(changes)
    let golden = try Self.golden("v1-change-\(name)", now: bytes)
    #expect(bytes == golden)
    #expect(try ChangeCodec.decode(golden) == changes)
  }

  @Test("every kind has a golden file, and every file a sample")
  func complete() throws {
    #expect(Set(GoldenSamples.records.map(\.record.message.kind)) == Set(1...9).union(16...21))
    let kinds = GoldenSamples.changes.filter { $0.changes.count == 1 }
      .map { ChangeCodec.encode($0.changes)[5] }
    #expect(Set(kinds) == Set(1...5))
    let records = GoldenSamples.records + GoldenSamples.olderRecords
    let expected =
      records.map { "v\($0.record.version)-message-\($0.name).hex" }
      + GoldenSamples.changes.map { "v1-change-\($0.name).hex" }
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path())
      .filter { $0.hasSuffix(".hex") }
    #expect(Self.isWriting || Set(files) == Set(expected))
  }

  /// The file's bytes; with `POOLHUB_WRITE_GOLDEN=1` a file that isn't there is written first.
  private static func golden(_ name: String, now bytes: [UInt8]? = nil) throws -> [UInt8] {
    let file = folder.appending(path: name + ".hex")
    if isWriting, let bytes, !FileManager.default.fileExists(atPath: file.path()) {
      try Data(hex(bytes).utf8).write(to: file)
    }
    let digits = try String(contentsOf: file, encoding: .utf8).filter { !$0.isWhitespace }
    return try stride(from: 0, to: digits.count, by: 2).map { offset in
      let start = digits.index(digits.startIndex, offsetBy: offset)
      return try #require(UInt8(digits[start...].prefix(2), radix: 16))
    }
  }

  /// 16 bytes a line.
  private static func hex(_ bytes: [UInt8]) -> String {
    stride(from: 0, to: bytes.count, by: 16).map { start in
      bytes[start..<min(start + 16, bytes.count)].map { byte in
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }.joined(separator: " ") + "\n"
    }.joined()
  }
}
