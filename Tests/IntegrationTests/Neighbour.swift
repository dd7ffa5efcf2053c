import Foundation
import Glibc
import Messaging
import Synchronization
import Testing
import Threads
import Wire

/// A record as bytes on the wire, written and read here by hand, as a build of another version would.
struct RawRecord: Sendable {
  var version: UInt8
  var kind: UInt8
  var requestID: UInt64
  var payload: [UInt8]
  var budgetMicroseconds: UInt32 = 0

  static let hello: UInt8 = 1
  static let welcome: UInt8 = 2
  static let beat: UInt8 = 3
  static let goodbye: UInt8 = 4
  static let matchRequest: UInt8 = 5
  static let matchReply: UInt8 = 6
  static let feedbackRequest: UInt8 = 7
  static let feedbackReply: UInt8 = 8
  static let batchRequest: UInt8 = 18
  static let batchReply: UInt8 = 19
  static let writtenMatchReply: UInt8 = 20
  static let writtenBatchReply: UInt8 = 21

  init(version: UInt8, kind: UInt8, requestID: UInt64 = 0, payload: [UInt8] = []) {
    self.version = version
    self.kind = kind
    self.requestID = requestID
    self.payload = payload
  }

  /// What follows a golden file's header.
  init(golden name: String, version: UInt8, requestID: UInt64 = 0) throws {
    let bytes = try String(contentsOfFile: Self.goldenPath(name), encoding: .utf8)
      .split(whereSeparator: \.isWhitespace).compactMap { UInt8($0, radix: 16) }
    self.init(
      version: version, kind: bytes[5], requestID: requestID, payload: Array(bytes.dropFirst(40)))
  }

  static func goldenPath(_ name: String) -> String {
    "\(PythonRun.root)/Tests/WireTests/Golden/\(name).hex"
  }

  var bytes: [UInt8] {
    func little(_ value: some FixedWidthInteger) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
    return Array("PHUB".utf8) + [version, kind, 0, 0] + little(requestID)
      + little(budgetMicroseconds) + little(UInt32(payload.count)) + little(UInt64(0))
      + little(UInt64(0)) + payload
  }

  /// All records of a frame.
  static func read(_ frame: [UInt8]) -> [RawRecord] {
    func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
      bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    var records: [RawRecord] = []
    var rest = frame[...]
    while rest.count >= 40 {
      let start = rest.startIndex
      let count = Int(number(rest[start + 20..<start + 24]))
      records.append(
        RawRecord(
          version: rest[start + 4], kind: rest[start + 5],
          requestID: number(rest[start + 8..<start + 16]),
          payload: Array(rest.dropFirst(40).prefix(count))))
      rest = rest.dropFirst(40 + count)
    }
    return records
  }

  static func text(_ text: String) -> [UInt8] {
    [UInt8(text.utf8.count), 0] + Array(text.utf8)
  }
}

/// The version that a neighbour was built with.
struct Dialect: Sendable, CustomTestStringConvertible {
  let version: UInt8
  /// What this build and the neighbour agree on.
  var agreed: UInt8 { min(version, Record.currentVersion) }
  /// What the neighbour's version added to the end of everything.
  var addition: [UInt8] { version > Record.currentVersion ? [7, 7, 7, 7, 7] : [] }
  var testDescription: String { "version \(version)" }

  static let before = Dialect(version: Record.currentVersion - 1)
  static let after = Dialect(version: Record.currentVersion + 1)

  func hello(_ name: String) -> RawRecord {
    RawRecord(
      version: agreed - 1, kind: RawRecord.hello,
      payload: RawRecord.text(name) + [agreed - 1, version] + addition)
  }

  func welcome(_ name: String) -> RawRecord {
    // Since version 3 with which start of the gateway it is.
    let instance: [UInt8] = version >= 3 ? [1, 2, 3, 4, 5, 6, 7, 8] : []
    return RawRecord(
      version: agreed, kind: RawRecord.welcome,
      payload: RawRecord.text(name) + [agreed] + instance + addition)
  }

  func beat() throws -> RawRecord { try golden("beat") }

  /// What its version writes: the newest form that isn't newer than what was agreed.
  func golden(_ message: String, requestID: UInt64 = 0) throws -> RawRecord {
    let name = (1...agreed).reversed().map { "v\($0)-message-\(message)" }
      .first { FileManager.default.fileExists(atPath: RawRecord.goldenPath($0)) }
    var record = try RawRecord(
      golden: #require(name), version: agreed, requestID: requestID)
    record.payload += addition
    return record
  }

  /// How it answers a match, and is answered.
  var matchReply: (kind: UInt8, golden: String) {
    agreed >= 5
      ? (RawRecord.writtenMatchReply, "written-match-reply") : (RawRecord.matchReply, "match-reply")
  }

  var batchReply: (kind: UInt8, golden: String) {
    agreed >= 5
      ? (RawRecord.writtenBatchReply, "written-batch-reply") : (RawRecord.batchReply, "batch-reply")
  }

  /// A kind that only the newer version knows; none from an older one.
  var novelty: [RawRecord] {
    addition.isEmpty ? [] : [RawRecord(version: agreed, kind: 200, payload: addition)]
  }
}

/// A thread with a socket that plays the other side of a link, frame by frame.
final class Neighbour: Sendable {
  private struct State {
    var received: [RawRecord] = []
    var outgoing: [[UInt8]] = []
    var mustEnd = false
    var hasEnded = false
  }

  private let state = Mutex(State())

  /// - Parameters:
  ///   - kind: a dealer connects, as a scorer does; a router binds.
  ///   - answer: what to say to each record; called on the thread.
  init(
    _ kind: ZMQSocket.Kind, at endpoint: String,
    answer: @Sendable @escaping (RawRecord) -> [RawRecord]
  ) {
    startThread(name: "neighbour") { [self] in
      do {
        let context = try ZMQContext()
        var options = ZMQOptions()
        options.lingerMilliseconds = 500
        options.isImmediate = false
        options.routingID = kind == .dealer ? PeerIdentity(Array("neighbour".utf8)) : nil
        let socket = try ZMQSocket.open(kind, in: context, options: options)
        if kind == .dealer { try socket.connect(endpoint) } else { try socket.bind(endpoint) }
        try turn(socket, kind, answer)
      } catch {
        print("the neighbour ended: \(error)")
      }
      state.withLock { $0.hasEnded = true }
    }
  }

  private func turn(
    _ socket: borrowing ZMQSocket, _ kind: ZMQSocket.Kind, _ answer: (RawRecord) -> [RawRecord]
  ) throws {
    var peer: PeerIdentity?
    // A router has nobody to speak to before somebody has spoken.
    var canSpeak: Bool { kind == .dealer || peer != nil }
    while !state.withLock({ $0.mustEnd && ($0.outgoing.isEmpty || !canSpeak) }) {
      var frames: [[UInt8]] = []
      while try socket.receive({ part, index in
        if kind == .router && index == 0 {
          peer = PeerIdentity(Array(part))
        } else {
          frames.append(Array(part))
        }
      }) {}
      let records = frames.flatMap { RawRecord.read($0) }
      let answers = records.flatMap(answer).map(\.bytes)
      let outgoing = state.withLock { state in
        state.received += records
        if !canSpeak { return answers }
        defer { state.outgoing = [] }
        return answers + state.outgoing
      }
      for frame in outgoing {
        if kind == .dealer {
          _ = try frame.withUnsafeBytes { try socket.send($0) }
        } else if let peer {
          _ = try frame.withUnsafeBytes { try socket.send($0, to: peer) }
        }
      }
      usleep(2_000)
    }
  }

  func send(_ frames: [[UInt8]]) { state.withLock { $0.outgoing += frames } }
  func send(_ records: RawRecord...) { send(records.map(\.bytes)) }

  var received: [RawRecord] { state.withLock { $0.received } }
  var isIdle: Bool { state.withLock { $0.outgoing.isEmpty } }

  func end() async {
    state.withLock { $0.mustEnd = true }
    while !state.withLock({ $0.hasEnded }) { try? await Task.sleep(for: .milliseconds(5)) }
  }
}
