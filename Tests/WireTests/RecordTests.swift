import TestRandom
import Domain
import Testing

@testable import Wire

@Suite("Messages between gateways and scorers")
struct RecordTests {
  /// Sets the version of an encoded record and puts bytes behind its payload, as a newer neighbour does.
  static func grown(_ bytes: [UInt8], version: UInt8, by extra: [UInt8]) -> [UInt8] {
    var grown = bytes + extra
    grown[4] = version
    let length = UInt32(grown.count - Record.headerByteCount)
    for place in 0..<4 { grown[20 + place] = UInt8(truncatingIfNeeded: length >> (8 * place)) }
    return grown
  }

  @Test("any message is read as it was written", arguments: 0..<8)
  func roundTrip(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<400 {
      let record = random.record()
      #expect(try RecordCodec.decodeAll(RecordCodec.encode(record)) == [record])
    }
  }

  @Test("the header stands where the format says")
  func header() {
    let record = Record(
      requestID: 0x1122_3344_5566_7788, budgetMicroseconds: 0xAABB_CCDD,
      streamID: StreamID(milliseconds: 0x0102_0304_0506_0708, sequence: 9),
      message: .welcome(Welcome(gatewayID: "g", version: 1)))
    let bytes = RecordCodec.encode(record)
    #expect(Array(bytes[0..<4]) == Array("PHUB".utf8))
    #expect(bytes[4] == 5)
    #expect(bytes[5] == 2)
    #expect(bytes[6..<8].allSatisfy { $0 == 0 })
    #expect(Array(bytes[8..<16]) == [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11])
    #expect(Array(bytes[16..<20]) == [0xDD, 0xCC, 0xBB, 0xAA])
    #expect(Array(bytes[20..<24]) == [12, 0, 0, 0])
    #expect(Array(bytes[24..<32]) == [8, 7, 6, 5, 4, 3, 2, 1])
    #expect(Array(bytes[32..<40]) == [9, 0, 0, 0, 0, 0, 0, 0])
    #expect(Array(bytes[40...]) == [1, 0, UInt8(ascii: "g"), 1] + Array(repeating: 0, count: 8))
  }

  @Test("a newer neighbour's longer payload is read and the rest skipped", arguments: 0..<8)
  func newerPayload(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<200 {
      let extra = (0..<random.below(20)).map { _ in UInt8(random.below(256)) }
      let records = (0..<3).map { _ in random.record() }
      let frame = records.flatMap { Self.grown(RecordCodec.encode($0), version: 2, by: extra) }
      var expected = records
      for index in expected.indices { expected[index].version = 2 }
      #expect(try RecordCodec.decodeAll(frame) == expected)
    }
  }

  @Test(
    "a kind that this build doesn't know is passed on as such",
    arguments: [0, 10, 99, 255] as [UInt8])
  func unknownKind(kind: UInt8) throws {
    var random = SplitMix64(seed: UInt64(kind))
    let known = random.record()
    var frame = Self.grown(
      RecordCodec.encode(Record(message: .goodbye)), version: 2, by: [1, 2, 3])
    frame[5] = kind
    let read = try RecordCodec.decodeAll(frame + RecordCodec.encode(known))
    #expect(read == [Record(version: 2, message: .unknown(kind: kind)), known])
    #expect(Message.unknown(kind: kind).kind == kind)
  }

  @Test("a failure code that this build doesn't know is a faulty scorer")
  func unknownFailure() throws {
    var frame = RecordCodec.encode(Record(message: .failure(Failure(.overloaded))))
    frame[40] = 200
    #expect(try RecordCodec.decodeAll(frame) == [Record(message: .failure(Failure(.faulty)))])
  }

  @Test("versions beyond the neighbours are refused", arguments: [0, 7, 8, 255] as [UInt8])
  func unknownVersion(version: UInt8) {
    var frame = RecordCodec.encode(Record(message: .goodbye))
    frame[4] = version
    #expect(throws: WireError.unknownVersion(version)) { try RecordCodec.decodeAll(frame) }
  }

  @Test("a frame takes 1 to 64 messages", arguments: [0, 1, 63, 64, 65, 200])
  func batch(count: Int) throws {
    var writer = ByteWriter()
    var records: [Record] = []
    for index in 0..<count {
      records.append(Record(requestID: UInt64(index), message: .goodbye))
      RecordCodec.append(records[index], to: &writer)
    }
    let frame = writer.bytes
    if count == 0 {
      #expect(throws: WireError.truncated) { try RecordCodec.decodeAll(frame) }
    } else if count <= Record.batchLimit {
      #expect(try RecordCodec.decodeAll(frame) == records)
    } else {
      #expect(throws: WireError.badValue) { try RecordCodec.decodeAll(frame) }
    }
  }

  @Test("a frame that is cut anywhere but between messages is refused", arguments: 0..<20)
  func cut(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let first = RecordCodec.encode(random.record())
    let frame = first + RecordCodec.encode(random.record())
    for count in 1..<frame.count where count != first.count {
      #expect(throws: WireError.truncated) { try RecordCodec.decodeAll(Array(frame[..<count])) }
    }
  }

  @Test("values beyond their bounds are refused")
  func badValues() throws {
    var beat = Beat()
    beat.regions = (0..<300).map { Beat.Region(name: "r\($0)", online: 1) }
    let read = try RecordCodec.decodeAll(RecordCodec.encode(Record(message: .beat(beat))))
    #expect(read.first?.message == .beat(with(beat) { $0.regions.removeLast(44) }))

    var query = MatchQuery(jobID: "")
    query.minVRAMGB = .nan
    #expect(throws: WireError.badValue) { try Self.reread(.matchRequest(query)) }
    query.minVRAMGB = .infinity
    #expect(throws: WireError.badValue) { try Self.reread(.matchRequest(query)) }
    query.minVRAMGB = 0
    for topK in [0, 51, 255] {
      query.topK = topK
      #expect(throws: WireError.badValue) { try Self.reread(.matchRequest(query)) }
    }
    var random = SplitMix64(seed: 1)
    let many = (0..<51).map { _ in random.candidate() }
    #expect(throws: WireError.badValue) {
      try Self.reread(.matchReply(MatchAnswer(candidates: many, counts: nil)))
    }
    for count in [0, 257] {
      let queries = [MatchQuery](repeating: MatchQuery(jobID: "j"), count: count)
      #expect(throws: WireError.badValue) { try Self.reread(.batchRequest(queries)) }
      let answers = [MatchAnswer](
        repeating: MatchAnswer(candidates: [], counts: nil), count: count)
      #expect(throws: WireError.badValue) { try Self.reread(.batchReply(answers)) }
      let written = try #require(WrittenAnswer(candidates: [], text: [], counts: nil))
      #expect(throws: WireError.badValue) {
        try Self.reread(.writtenBatchReply(Array(repeating: written, count: count)))
      }
    }
    let tooMany = try #require(
      WrittenAnswer(
        candidates: Array(
          repeating: .init(price: .zero, minerIDByteCount: 1, byteCount: 20), count: 51),
        text: ArraySlice(repeating: 0x20, count: 1_020), counts: nil))
    #expect(throws: WireError.badValue) { try Self.reread(.writtenMatchReply(tooMany)) }
    var magic = RecordCodec.encode(Record(message: .goodbye))
    magic[0] ^= 1
    #expect(throws: WireError.badMagic) { try RecordCodec.decodeAll(magic) }
  }

  @Test("a written answer that is shorter than its candidates say is refused")
  func shortText() throws {
    typealias Entry = WrittenAnswer.Candidate
    let text = Array(#"{"miner_id":"m","addr":"""#.utf8)[...]
    let whole = Entry(price: .zero, minerIDByteCount: 1, byteCount: text.count)
    #expect(WrittenAnswer(candidates: [whole], text: text, counts: nil) != nil)
    for entries in [
      [Entry(price: .zero, minerIDByteCount: 1, byteCount: text.count + 1)], [whole, whole],
      [Entry(price: .zero, minerIDByteCount: 0, byteCount: text.count)],
      [Entry(price: .zero, minerIDByteCount: 65, byteCount: 100)],
      [Entry(price: .zero, minerIDByteCount: 13, byteCount: text.count)],
    ] {
      #expect(WrittenAnswer(candidates: entries, text: text, counts: nil) == nil)
    }
    // And on the wire: the first candidate's length, after the count, the price and the id's length.
    let answer = try #require(WrittenAnswer(candidates: [whole], text: text, counts: nil))
    var bytes = RecordCodec.encode(Record(message: .writtenMatchReply(answer)))
    bytes[Record.headerByteCount + 2 + 8 + 1] += 1
    #expect(throws: WireError.badValue) { try RecordCodec.decodeAll(bytes) }
  }

  private func with<Value>(_ value: Value, _ change: (inout Value) -> Void) -> Value {
    var value = value
    change(&value)
    return value
  }

  private static func reread(_ message: Message) throws -> [Record] {
    try RecordCodec.decodeAll(RecordCodec.encode(Record(message: message)))
  }
}
