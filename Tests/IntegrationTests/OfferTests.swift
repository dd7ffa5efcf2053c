import Fleet
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  /// Two gateways and two scorers, as they are by default.
  @Suite("Offers, from the match to the trust") struct OfferProofs {
    private static let offerKeys = "POOLHUB_OFFER_KEYS"
    private static let old = "o1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    private static let new = "o2:YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU2Nzg5"

    private struct Match {
      var job: String
      var miner: String
      var offer: String
    }

    private func match(_ client: HubClient, job: String) async throws -> Match {
      let answer = try await client.request(
        "POST", "/v1/match", bearer: client.coordinatorSecret, text: #"{"job_id":"\#(job)"}"#)
      let best = try #require(answer.candidates.first, "\(answer.text)")
      return Match(
        job: job, miner: try #require(best["miner_id"]?.string),
        offer: try #require(best["offer"]?.string, "\(answer.text)"))
    }

    private func report(
      _ client: HubClient, _ match: Match, _ outcome: String = "completed", offer: String?,
      secret: String? = nil
    ) async throws -> HubAnswer {
      let member = offer.map { offer in #","offer":"\#(offer)""# } ?? ""
      return try await client.request(
        "POST", "/v1/feedback", bearer: secret ?? client.coordinatorSecret,
        text:
          #"{"job_id":"\#(match.job)","miner_id":"\#(match.miner)","outcome":"\#(outcome)"\#(member)}"#
      )
    }

    @Test(
      "Sent back it counts whole, at any gateway and once; without it a report counts a quarter")
    func weights() async throws {
      try await OwnFleet.with { fleet in
        let two = [
          "POOLHUB_COORDINATOR_SECRETS":
            "tests:\(OwnFleet.coordinatorSecret),two:the-secret-of-two"
        ]
        try await fleet.startScorer(1, ["POOLHUB_GATEWAYS": "\(fleet.link(1)),\(fleet.link(2))"])
        let client = try await fleet.startGateway(1, two)
        let other = try await fleet.startGateway(2, two)
        try await client.waitForHealth("ok", scorers: 1)
        try await other.waitForHealth("ok", scorers: 1)
        let miner = try await LiveMiner.register("m", capability: "c", at: client)
        try await whileSpeaking([miner]) {
          let first = try await match(client, job: "a")
          let proven = try await report(other, first, offer: first.offer)
          #expect(proven.json?["evidence"]?.double == 1, "\(proven.text)")
          #expect(isClose(proven.json?["trust_score"]?.double, 0.6, within: 1e-5))
          let again = try await report(client, first, offer: first.offer)
          #expect(again.json?["duplicate"] == .bool(true) && again.json?["evidence"]?.double == 1)

          let second = try await match(other, job: "b")
          let unproven = try await report(client, second, offer: nil)
          #expect(unproven.json?["evidence"]?.double == 0.25, "\(unproven.text)")
          #expect(isClose(unproven.json?["trust_score"]?.double, 3.25 / 5.25, within: 1e-5))

          // Another's, another job's, and none at all.
          let third = try await match(client, job: "c")
          try await report(client, third, offer: first.offer)
            .expectBadField("offer", "not_of_this_match")
          try await report(client, third, offer: third.offer, secret: "the-secret-of-two")
            .expectBadField("offer", "not_of_this_match")
          try await report(client, third, offer: "pho1.k1.AAAA").expectBadField("offer", "format")
          #expect(try await report(client, third, offer: third.offer).status == 200)

          for job in 0..<4 {
            let match = try await match(client, job: "day-\(job)")
            let answer = try await report(client, match, offer: match.offer)
            // 2.25 of the day's 5 are taken.
            let expected = [1, 1, 0.75, 0][job]
            #expect(answer.json?["evidence"]?.double == expected, "\(answer.text)")
          }
          #expect(
            try await client.metric("poolhub_feedback_offers_total", #"offer="proven""#) == 5)
          #expect(try await client.metric("poolhub_feedback_offers_total", #"offer="none""#) == 1)
        }
      }
    }

    @Test("It ends, its key can be changed under it, and it can be asked for")
    func ends() async throws {
      try await OwnFleet.with { fleet in
        let links = (1...4).map { fleet.link($0) }.joined(separator: ",")
        try await fleet.startScorer(1, ["POOLHUB_GATEWAYS": links])
        let client = try await fleet.startGateway(1, [Self.offerKeys: Self.old])
        let rotated = try await fleet.startGateway(
          2, [Self.offerKeys: "\(Self.new),\(Self.old)", "POOLHUB_OFFERS": "required"])
        let rotatedAway = try await fleet.startGateway(3, [Self.offerKeys: Self.new])
        let brief = try await fleet.startGateway(
          4, [Self.offerKeys: Self.old, "POOLHUB_OFFER_TTL_SEC": "1"])
        for hub in [client, rotated, rotatedAway, brief] {
          try await hub.waitForHealth("ok", scorers: 1)
        }
        let miner = try await LiveMiner.register("m", capability: "c", at: client)
        try await whileSpeaking([miner]) {
          let old = try await match(client, job: "a")
          try await report(rotated, old, offer: nil).expectBadField("offer", "required")
          try await report(rotatedAway, old, offer: old.offer).expectBadField("offer", "expired")
          #expect(
            try await report(rotated, old, offer: old.offer).json?["evidence"]?.double == 1)
          let new = try await match(rotated, job: "b")
          #expect(new.offer.hasPrefix("pho1.o2."))
          #expect(
            try await report(rotatedAway, new, offer: new.offer).json?["evidence"]?.double == 1)

          let late = try await match(brief, job: "c")
          try await Task.sleep(for: .milliseconds(1_050))
          try await report(brief, late, offer: late.offer).expectBadField("offer", "expired")
        }
      }
    }

    @Test("A least trust and a share of newcomers are a scorer's settings")
    func newcomers() async throws {
      try await OwnFleet.with { fleet in
        try await fleet.startScorer(
          1,
          [
            "POOLHUB_MIN_TRUST": "0.55", "POOLHUB_EXPLORATION_SHARE": "0.5",
            "POOLHUB_TRUST_UNPROVEN": "1", "POOLHUB_TRUST_PAIR_DAY": "good:20",
          ])
        let client = try await fleet.startGateway()
        try await client.waitForHealth("ok", scorers: 1)
        let miners = try await LiveMiner.register(2, capability: "c", at: client)
        try await whileSpeaking(miners) {
          // No newcomer any more: (2 + 12) / (4 + 12).
          for job in 0..<12 {
            let old = Match(job: "\(job)", miner: miners[1].id, offer: "")
            #expect(try await report(client, old, offer: nil).status == 200)
          }
          var found: [String: Int] = [:]
          for job in 0..<60 {
            let answer = try await client.request(
              "POST", "/v1/match", bearer: client.coordinatorSecret,
              text: #"{"job_id":"explore-\#(job)","requirements":{"capabilities_any":["c"]}}"#)
            found[answer.candidates.first?["miner_id"]?.string ?? "nobody", default: 0] += 1
          }
          #expect(found.count == 2 && found.values.allSatisfy { $0 > 10 }, "\(found)")
        }
      }
    }
  }
}
