import Domain
import TestRandom
import Testing

@Suite("Places in the change stream, and moments")
struct StreamIDTests {
  @Test(
    "what Redis writes is read",
    arguments: [
      ("0-0", StreamID.zero),
      ("1700000000000-3", StreamID(milliseconds: 1_700_000_000_000, sequence: 3)),
      (
        "18446744073709551615-18446744073709551615",
        StreamID(milliseconds: .max, sequence: .max)
      ),
    ])
  func parse(text: String, place: StreamID) {
    #expect(StreamID(text) == place)
    #expect("\(place)" == text)
  }

  @Test(
    "anything else is no place",
    arguments: [
      "", "-", "1", "1-", "-1", "1-2-3", "1--2", "a-b", "1-x", "1.5-0", " 1-2", "1-2 ", "$",
      "18446744073709551616-0", "0-18446744073709551616", "1–2",
    ])
  func refused(text: String) {
    #expect(StreamID(text) == nil)
  }

  @Test("places are ordered by milliseconds, then by sequence, both as numbers", arguments: 0..<4)
  func order(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<500 {
      let left = StreamID(
        milliseconds: UInt64(random.below(12)), sequence: UInt64(random.below(12)))
      let right = StreamID(
        milliseconds: UInt64(random.below(12)), sequence: UInt64(random.below(12)))
      let isBefore =
        left.milliseconds == right.milliseconds
        ? left.sequence < right.sequence : left.milliseconds < right.milliseconds
      #expect((left < right) == isBefore)
      #expect(StreamID("\(left)") == left)
    }
  }

  @Test("a moment advances, tells spans and is ordered")
  func timestamps() {
    let start = Timestamp(milliseconds: 1_700_000_000_000)
    let later = start.advanced(byMilliseconds: 1_500)
    #expect(later.milliseconds == 1_700_000_001_500)
    #expect(later.milliseconds(since: start) == 1_500)
    #expect(start.milliseconds(since: later) == -1_500)
    #expect(start < later)
    #expect(later.advanced(byMilliseconds: -1_500) == start)
    #expect(Timestamp.distantPast < start)
  }
}
