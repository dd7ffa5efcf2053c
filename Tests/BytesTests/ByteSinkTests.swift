import TestRandom
import Testing

@testable import Bytes

@Suite("Bytes one after another")
struct ByteSinkTests {
  @Test("whatever is written stands there as in an array", arguments: 0..<16)
  func againstArray(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    var sink = ByteSink(capacity: random.below(64))
    var plain: [UInt8] = []
    for _ in 0..<500 {
      step(&sink, &plain, &random)
      // What can't be copied has to be looked at outside of #expect.
      let count = sink.count
      #expect(count == plain.count)
    }
    let written = sink.bytes
    #expect(written == plain)
  }

  private func step(_ sink: inout ByteSink, _ plain: inout [UInt8], _ random: inout SplitMix64) {
    switch random.below(20) {
    case 0..<8:
      let piece = (0..<random.below(40)).map { _ in UInt8(random.below(256)) }
      piece.withUnsafeBytes { sink.append($0) }
      plain += piece
    case 8..<14:
      let number = random.next()
      sink.append(number)
      withUnsafeBytes(of: number.littleEndian) { plain.append(contentsOf: $0) }
    case 14..<16:
      let room = random.below(100)
      let used = random.below(room + 1)
      sink.append(upTo: room) { place in
        place.initializeMemory(as: UInt8.self, repeating: 7, count: room)
        return used
      }
      plain += [UInt8](repeating: 7, count: used)
    case 16..<18:
      let start = random.below(plain.count + 1)
      let again = start..<start + random.below(min(300, plain.count - start) + 1)
      sink.append(again: again)
      plain += Array(plain[again])
    case 18 where plain.count >= 4:
      let place = random.below(plain.count - 3)
      let number = UInt32(truncatingIfNeeded: random.next())
      sink.replace(at: place, with: number)
      withUnsafeBytes(of: number.littleEndian) {
        plain.replaceSubrange(place..<place + 4, with: $0)
      }
    default:
      let kept = plain.count - random.below(min(plain.count, 30) + 1)
      sink.truncate(to: kept)
      plain.removeLast(plain.count - kept)
    }
  }

  @Test("memory that somebody else gave is used until it is too small", arguments: [1, 15, 16, 64])
  func givenRoom(byteCount: Int) {
    withUnsafeTemporaryAllocation(byteCount: byteCount, alignment: 1) { room in
      var sink = ByteSink(within: room)
      for value in 0..<UInt8(byteCount) { sink.append(value) }
      let ownedBefore = sink.ownsMemory
      #expect(!ownedBefore && Array(room) == Array(0..<UInt8(byteCount)))
      sink.append(UInt8(byteCount))
      let (ownedAfter, written) = (sink.ownsMemory, sink.bytes)
      #expect(ownedAfter && written == Array(0...UInt8(byteCount)))
    }
  }

  @Test("what was forgotten leaves its memory to what follows")
  func truncated() {
    var sink = ByteSink(capacity: 16)
    sink.append(UInt64.max)
    sink.append(UInt64.max)
    let before = sink.withUnsafeBytes { $0.baseAddress }
    sink.truncate(to: 0)
    let kept = sink.bytes
    #expect(kept.isEmpty)
    sink.append(UInt64(0))
    sink.append(UInt64(1))
    let (after, written) = (sink.withUnsafeBytes { $0.baseAddress }, sink.bytes)
    #expect(after == before)
    #expect(written == Array(repeating: 0, count: 8) + [1] + Array(repeating: 0, count: 7))
  }
}
