import TestRandom
import Testing
import Wire

/// Whatever comes over the wire is read or refused; nothing traps. 100,000 frames in all.
@Suite("Broken frames")
struct WireFuzzTests {
  @Test("mutated messages are read or refused", arguments: 0..<10)
  func messages(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var frame: [UInt8] = []
    for index in 0..<5_000 {
      if index % 10 == 0 { frame = RecordCodec.encode(random.record()) }
      var bytes = frame
      Self.mutate(&bytes, &random)
      guard let read = try? RecordCodec.decodeAll(bytes) else { continue }
      #expect(read.count <= Record.batchLimit)
      // What was taken can be written again, and says the same.
      let rewritten = read.flatMap { RecordCodec.encode($0) }
      #expect((try? RecordCodec.decodeAll(rewritten)) == read)
    }
  }

  @Test("mutated stream entries are read or refused", arguments: 0..<10)
  func entries(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var entry: [UInt8] = []
    for index in 0..<4_000 {
      if index % 10 == 0 { entry = ChangeCodec.encode([random.change(), random.change()]) }
      var bytes = entry
      Self.mutate(&bytes, &random)
      guard let read = try? ChangeCodec.decode(bytes) else { continue }
      #expect((try? ChangeCodec.decode(ChangeCodec.encode(read))) == read)
    }
  }

  @Test("random bytes are refused or read, with and without a good header", arguments: 0..<10)
  func noise(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<1_000 {
      var bytes = (0..<random.below(120)).map { _ in UInt8(random.below(256)) }
      if random.chance(80), bytes.count >= Record.headerByteCount {
        bytes.replaceSubrange(0..<4, with: Array("PHUB".utf8))
        bytes[5] = UInt8(random.below(11))
        bytes = RecordTests.grown(bytes, version: UInt8(1 + random.below(2)), by: [])
      }
      _ = try? RecordCodec.decodeAll(bytes)
      _ = try? StatusPatchCodec.decode(bytes)
      if random.chance(50), !bytes.isEmpty { bytes[0] = 1 }
      _ = try? ChangeCodec.decode(bytes)
    }
  }

  private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    for _ in 0...random.below(3) {
      let place = random.below(bytes.count + 1)
      switch random.below(5) {
      case 0, 1: if place < bytes.count { bytes[place] ^= 1 << UInt8(random.below(8)) }
      case 2: if place < bytes.count { bytes[place] = random.pick([0, 1, 0x7F, 0x80, 0xFF]) }
      case 3: bytes.insert(UInt8(random.below(256)), at: place)
      default: bytes.removeSubrange(place..<min(place + random.below(9), bytes.count))
      }
    }
  }
}
