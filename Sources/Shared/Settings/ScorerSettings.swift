import Domain
import Foundation

/// Everything that a scorer is told at its start.
package struct ScorerSettings: Sendable {
  package var common: CommonSettings
  /// POOLHUB_SCORER_ID=scorer-PID@HOST: names it to gateways.
  package var scorerID: String
  /// POOLHUB_GATEWAYS=tcp://127.0.0.1:8204,…
  package var gateways: [String]
  /// POOLHUB_CURVE_SECRET_KEY and POOLHUB_CURVE_GATEWAY_KEYS; nil: links to gateways are plain.
  package var curve: CurveSettings?
  /// POOLHUB_DEFAULT_WEIGHTS=cap:0.40,price:0.20,latency:0.20,trust:0.15,load:0.05
  package var weights: Weights
  /// POOLHUB_TRUST_HALF_LIFE_DAYS=30
  package var trustHalfLifeDays: Double
  /// POOLHUB_TRUST_PRIOR=2: good and bad evidence that everyone starts with.
  package var trustPrior: Double
  /// POOLHUB_TRUST_PAIR_CAP=20: the most evidence that one coordinator can hold on one miner.
  package var trustPairCap: Double
  /// POOLHUB_TRUST_WEIGHTS=completed:1,failed:1,rejected:0.25
  package var trustWeights: (completed: Double, failed: Double, rejected: Double)
  /// POOLHUB_TRUST_UNPROVEN=0.25: what feedback without a good offer counts, 0–1.
  package var trustUnproven: Double
  /// POOLHUB_TRUST_PAIR_DAY=good:5,bad:20: the most evidence of one coordinator about one miner in a day.
  package var trustPairDay: (good: Double, bad: Double)
  /// POOLHUB_TRUST_COORDINATOR_DAY=10000: the most evidence of one coordinator in a day.
  package var trustCoordinatorDay: Double
  /// POOLHUB_MIN_TRUST=0: of matches that ask for none.
  package var minTrust: Double
  /// POOLHUB_EXPLORATION_SHARE=0: of matches whose last candidate is a newcomer, 0–1.
  package var explorationShare: Double
  /// POOLHUB_SPREAD_MS=2000: how long an offer counts for matches that are spread; 0: within its batch alone.
  package var spreadMilliseconds: Int
  /// POOLHUB_STREAM_DELAY_MS=0: holds changes back after reading them. For tests of what must wait.
  package var streamDelayMilliseconds: Int

  /// POOLHUB_AUDIT_SHARE=0: of the answers that are compared with the plain index's, 0–1.
  package var auditShare: Double

  package init(_ reader: SettingsReader) throws(SettingsError) {
    common = try CommonSettings(reader)
    let host = ProcessInfo.processInfo.hostName
    scorerID =
      reader.text("POOLHUB_SCORER_ID")
      ?? "scorer-\(ProcessInfo.processInfo.processIdentifier)@\(host)"
    guard scorerID.utf8.count <= Limits.nameBytes else {
      throw SettingsError(
        key: "POOLHUB_SCORER_ID", fault: "is longer than \(Limits.nameBytes) bytes",
        mend: "set it like POOLHUB_SCORER_ID=scorer-1")
    }
    var gateways: [String] = []
    for endpoint in reader.list("POOLHUB_GATEWAYS") {
      gateways.append(try reader.endpoint(endpoint, key: "POOLHUB_GATEWAYS"))
    }
    self.gateways = gateways.isEmpty ? ["tcp://127.0.0.1:8204"] : gateways
    curve = try CurveSettings(reader, peers: "POOLHUB_CURVE_GATEWAY_KEYS")
    if let count = curve?.peerKeys.count, count != 1 && count != self.gateways.count {
      throw SettingsError(
        key: "POOLHUB_CURVE_GATEWAY_KEYS", fault: "has neither one key nor one for each gateway",
        mend: "give one that all gateways share, or one for each of POOLHUB_GATEWAYS in its order")
    }
    weights = try reader.weights()
    trustHalfLifeDays = try reader.number(
      "POOLHUB_TRUST_HALF_LIFE_DAYS", default: 30, in: 0.001...36_500)
    trustPrior = try reader.number("POOLHUB_TRUST_PRIOR", default: 2, in: 0.001...1_000_000)
    trustPairCap = try reader.number("POOLHUB_TRUST_PAIR_CAP", default: 20, in: 0...1_000_000)
    let named = try reader.namedNumbers(
      "POOLHUB_TRUST_WEIGHTS", default: ["completed": 1, "failed": 1, "rejected": 0.25])
    trustWeights = (named["completed"]!, named["failed"]!, named["rejected"]!)
    trustUnproven = try reader.number("POOLHUB_TRUST_UNPROVEN", default: 0.25, in: 0...1)
    let day = try reader.namedNumbers("POOLHUB_TRUST_PAIR_DAY", default: ["good": 5, "bad": 20])
    trustPairDay = (day["good"]!, day["bad"]!)
    trustCoordinatorDay = try reader.number(
      "POOLHUB_TRUST_COORDINATOR_DAY", default: 10_000, in: 0...1_000_000_000)
    minTrust = try reader.number("POOLHUB_MIN_TRUST", default: 0, in: 0...1)
    explorationShare = try reader.number("POOLHUB_EXPLORATION_SHARE", default: 0, in: 0...1)
    spreadMilliseconds = try reader.integer("POOLHUB_SPREAD_MS", default: 2_000, in: 0...60_000)
    streamDelayMilliseconds = try reader.integer(
      "POOLHUB_STREAM_DELAY_MS", default: 0, in: 0...60_000)
    auditShare = try reader.number("POOLHUB_AUDIT_SHARE", default: 0, in: 0...1)
  }
}

extension SettingsReader {
  /// `name:number,…`: exactly the names of `default`, each at least 0. Those left out keep their default.
  fileprivate func namedNumbers(
    _ key: String, default fallback: [String: Double]
  ) throws(SettingsError) -> [String: Double] {
    var numbers = fallback
    for entry in list(key) {
      let parts = entry.split(separator: ":", maxSplits: 1).map(String.init)
      guard parts.count == 2, fallback[parts[0]] != nil, let number = Double(parts[1]),
        number.isFinite, (0...1e6).contains(number)
      else {
        let known = fallback.keys.sorted().joined(separator: ", ")
        throw SettingsError(
          key: key, fault: "has an entry that is not a known name and a number from 0 to 1000000",
          mend: "write name:number pairs with names out of \(known)")
      }
      numbers[parts[0]] = number
    }
    return numbers
  }

  fileprivate func weights() throws(SettingsError) -> Weights {
    let key = "POOLHUB_DEFAULT_WEIGHTS"
    let standard = Weights.standard
    let named = try namedNumbers(
      key,
      default: [
        "cap": standard.cap, "price": standard.price, "latency": standard.latency,
        "trust": standard.trust, "load": standard.load,
      ])
    let weights = Weights(
      cap: named["cap"]!, price: named["price"]!, latency: named["latency"]!,
      trust: named["trust"]!, load: named["load"]!)
    guard weights.sum > 0 else {
      throw SettingsError(key: key, fault: "adds up to 0", mend: "give at least one part a weight")
    }
    return weights
  }
}
