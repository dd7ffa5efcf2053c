import Fleet
import Glibc
import JSON
import NIOCore
import NIOPosix
import Simulation
import TestRandom
import TestSupport
import Testing

extension RunningProcesses {
  /// Real processes, and beside them what another version would say.
  @Suite("Neighbours of other versions, and of none") struct Neighbours {
    private static let faults = "poolhub_scorer_frame_faults_total"
    private static let malformed = #"fault="malformed""#

    @Test(
      "A gateway takes a scorer of the version before or after, and goes over to this one's",
      arguments: [Dialect.before, .after])
    func scorer(dialect: Dialect) async throws {
      try await OwnFleet.with { fleet in
        let client = try await fleet.startGateway()
        let beat = try dialect.beat()
        let reply = try dialect.golden(dialect.matchReply.golden)
        let batchReply = try dialect.golden(dialect.batchReply.golden)
        let receipt = try dialect.golden("feedback-reply")
        let scorer = Neighbour(.dealer, at: fleet.link()) { record in
          var answer: RawRecord
          switch record.kind {
          case RawRecord.welcome, RawRecord.beat: return dialect.novelty + [beat]
          case RawRecord.matchRequest: answer = reply
          case RawRecord.batchRequest: answer = batchReply
          case RawRecord.feedbackRequest: answer = receipt
          default: return []
          }
          answer.requestID = record.requestID
          return [answer]
        }
        scorer.send(dialect.hello("neighbour"))
        try await client.waitForHealth("ok", scorers: 1)
        let answer = try await client.match(capability: nil)
        #expect(answer.candidate("miner-1")?["score"]?.double == 0.875, "\(answer.text)")
        let feedback = try await client.feedback(job: "job-1", miner: "miner-1")
        #expect(feedback.json?["trust_score"]?.double == 0.6, "\(feedback.text)")
        #expect(try await client.metric("poolhub_scorer_miners_online", "neighbour") == 800)
        #expect(try await client.metric(Self.faults, Self.malformed) == 0)
        let batch = try await client.matchBatch([#"{"job_id": "a"}"#, #"{"job_id": "b"}"#])
        let results = try #require(batch.json?["results"]?.array, "\(batch.text)")
        #expect(results.map { $0["job_id"]?.string } == ["a", "b"], "\(batch.text)")
        let best = results[0]["candidates"]?.array?.first
        #expect(best?["miner_id"]?.string == "miner-1" && best?["score"]?.double == 0.875)
        #expect(best?["offer"]?.string?.hasPrefix("pho1.") == true, "\(batch.text)")
        #expect(results[1]["candidates"]?.array?.isEmpty == true, "\(batch.text)")
        #expect(results[1]["explain"]?.string == "no candidate", "\(batch.text)")
        // What it was told was in the version agreed, and starts as it always did.
        let asked = try #require(scorer.received.first { $0.kind == RawRecord.matchRequest })
        #expect(asked.version == dialect.agreed)
        #expect(asked.payload.dropFirst(2).starts(with: "job-".utf8))
        #expect(scorer.received.first?.kind == RawRecord.welcome)

        // It leaves, and one of this version takes over, with no match failing.
        try await fleet.startScorer()
        try await client.waitForHealth("ok", scorers: 2)
        scorer.send(RawRecord(version: dialect.agreed, kind: RawRecord.goodbye))
        try await client.waitForHealth("ok", scorers: 1)
        for _ in 0..<20 { #expect(try await client.match(capability: nil).status == 200) }
        await scorer.end()
      }
    }

    @Test(
      "A scorer serves gateways of the version before and after, beside one of its own",
      arguments: [Dialect.before, .after])
    func gateway(dialect: Dialect) async throws {
      try await OwnFleet.with { fleet in
        let client = try await fleet.startGateway()
        let other = fleet.link(9)
        let beat = try dialect.beat()
        let gateway = Neighbour(.router, at: other) { record in
          switch record.kind {
          case RawRecord.hello: [dialect.welcome("another")] + dialect.novelty
          case RawRecord.beat: [beat] + dialect.novelty
          default: []
          }
        }
        try await fleet.startScorer(1, ["POOLHUB_GATEWAYS": "\(fleet.link()),\(other)"])
        try await client.waitForHealth("ok", scorers: 1)
        _ = try await LiveMiner.register("seen", capability: "seen", at: client)
        #expect(try await client.online("seen") == ["seen"])
        // Its link to the other gateway comes about on its own.
        await eventually("it greets and beats") {
          gateway.received.contains { $0.kind == RawRecord.beat }
        }
        var request = try dialect.golden("match-request-least", requestID: 77)
        request.budgetMicroseconds = 5_000_000
        gateway.send(request)
        await eventually("it answers") {
          gateway.received.contains { $0.kind == dialect.matchReply.kind }
        }
        let reply = try #require(gateway.received.first { $0.kind == dialect.matchReply.kind })
        #expect(reply.requestID == 77)
        #expect(reply.version == dialect.agreed)
        // One candidate: as text, or with its name where it always stood.
        #expect(reply.payload.starts(with: [1, 0]))
        let text = String(decoding: reply.payload, as: UTF8.self)
        let isText = text.contains(#"{"miner_id":"seen""#)
        #expect(isText == (dialect.agreed >= 5), "\(text)")
        #expect(isText || reply.payload.dropFirst(2).starts(with: RawRecord.text("seen")))
        var batch = try dialect.golden("batch-request", requestID: 78)
        batch.budgetMicroseconds = 5_000_000
        gateway.send(batch)
        await eventually("it answers a batch") {
          gateway.received.contains { record in
            record.kind == dialect.batchReply.kind && record.requestID == 78
              && record.payload.starts(with: [2, 0])
          }
        }
        let beats = gateway.received.filter { $0.kind == RawRecord.beat }
        #expect(beats.allSatisfy { $0.version == dialect.agreed } && !beats.isEmpty)
        #expect(!fleet.log("scorer-1").contains("could not be read"))
        await gateway.end()
      }
    }

    @Test(
      "Random bytes at the gateway's socket, from ZeroMQ or not, move a counter and nothing else")
    func randomBytesAtGateway() async throws {
      try await OwnFleet.with { fleet in
        let port = try FreePort.choose()
        let link = "tcp://127.0.0.1:\(port)"
        let client = try await fleet.startGateway(1, ["POOLHUB_SCORER_BIND": link])
        try await fleet.startScorer(1, ["POOLHUB_GATEWAYS": link])
        try await client.waitForHealth("ok", scorers: 1)
        let miner = try await LiveMiner.register("calm", capability: "calm", at: client)
        try await whileSpeaking([miner]) {
          let tally = try await whileMatching(client, capability: "calm", expecting: ["calm"]) {
            let stranger = Neighbour(.dealer, at: link) { _ in [] }
            var random = SplitMix64(seed: 1)
            // No greetings: whoever greets well is a scorer, by what this link is.
            stranger.send(try Self.garbage(2_000, &random) { $0 != RawRecord.hello })
            for _ in 0..<50 {
              try await Self.connectAndSend(Self.bytes(1...500, &random), port: port)
            }
            var counts = (malformed: 0.0, refused: 0.0)
            try await eventually("all of it was counted") {
              let malformed = try await client.metric(Self.faults, Self.malformed)
              let refused = try await client.metric("poolhub_scorer_links_refused_total")
              counts = (malformed, refused)
              return malformed > 1_000 && refused >= 40
            }
            #expect(counts.malformed > 1_000 && counts.refused >= 40, "\(counts)")
            await stranger.end()
          }
          #expect(tally.faults == [])
          #expect(try await client.health().json?["scorers"]?.int == 1)
        }
        #expect(fleet.log("gateway-1").contains("did not speak as scorers do"))
      }
    }

    @Test("Random bytes from what a scorer takes for a gateway move a counter and nothing else")
    func randomBytesAtScorer() async throws {
      try await OwnFleet.with { fleet in
        let client = try await fleet.startGateway()
        let gateway = Neighbour(.router, at: fleet.link(9)) { record in
          record.kind == RawRecord.hello ? [Dialect(version: 3).welcome("odd")] : []
        }
        let babbler = try await Self.babbler()
        try await fleet.startScorer(
          1,
          [
            "POOLHUB_GATEWAYS":
              "\(fleet.link()),\(fleet.link(9)),tcp://127.0.0.1:\(babbler.localAddress?.port ?? 0)"
          ])
        try await client.waitForHealth("ok", scorers: 1)
        let miner = try await LiveMiner.register("calm", capability: "calm", at: client)
        try await whileSpeaking([miner]) {
          let tally = try await whileMatching(client, capability: "calm", expecting: ["calm"]) {
            var random = SplitMix64(seed: 2)
            await eventually("it greets") { !gateway.received.isEmpty }
            // No feedback: one that happens to be well formed would rightly be stored.
            gateway.send(try Self.garbage(2_000, &random) { $0 != RawRecord.feedbackRequest })
            await eventually("it says so") {
              let log = fleet.log("scorer-1")
              return log.contains("could not be read") && log.contains("no link comes about")
            }
          }
          #expect(tally.faults == [])
          #expect(try fleet.process("scorer-1").isRunning)
          #expect(try await client.health().json?["scorers"]?.int == 1)
        }
        await gateway.end()
        try await babbler.close()
      }
    }

    /// Frames of random bytes, and golden ones that are cut short or changed in a place or two.
    private static func garbage(
      _ count: Int, _ random: inout SplitMix64, _ isWanted: (UInt8) -> Bool
    ) throws -> [[UInt8]] {
      let names = [
        "v1-message-hello", "v3-message-welcome", "v3-message-beat", "v1-message-match-request",
        "v1-message-match-reply", "v1-message-feedback-request", "v1-message-failure",
        "v5-message-written-match-reply", "v5-message-written-batch-reply",
      ]
      let golden = try names.map { try RawRecord(golden: $0, version: 2) }
        .filter { isWanted($0.kind) }
      return (0..<count).map { number in
        var frame = random.pick(golden).bytes
        switch number % 3 {
        case 0: return bytes(0...300, &random)
        case 1: return Array(frame.prefix(random.below(frame.count)))
        default:
          for _ in 0...random.below(3) {
            // The kind stays what it is.
            let place = random.below(frame.count)
            if place != 5 { frame[place] = UInt8(random.below(256)) }
          }
          return frame
        }
      }
    }

    private static func bytes(_ counts: ClosedRange<Int>, _ random: inout SplitMix64) -> [UInt8] {
      (0..<counts.lowerBound + random.below(counts.count)).map { _ in UInt8(random.below(256)) }
    }

    private static func connectAndSend(_ bytes: [UInt8], port: Int) async throws {
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(host: "127.0.0.1", port: port).get()
      try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
      try? await channel.close(mode: .output)
      // It hangs up once it has understood that it doesn't understand.
      try? await channel.closeFuture.get()
    }

    /// A server that says nonsense to whoever connects.
    private static func babbler() async throws -> any Channel {
      try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .childChannelInitializer { channel in
          var random = SplitMix64(seed: 3)
          let greeting: [UInt8] = [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3]
          channel.writeAndFlush(
            ByteBuffer(bytes: greeting + bytes(60...200, &random)), promise: nil)
          return channel.eventLoop.makeSucceededVoidFuture()
        }
        .bind(host: "127.0.0.1", port: 0).get()
    }
  }
}
