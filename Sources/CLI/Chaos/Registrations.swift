import Domain
import JSON
import Simulation

/// Miners that register, and some of them again with another price, at a steady pace; each until it is
/// acknowledged. They send no heartbeats.
struct Registrations: Sendable {
  /// Registrations under way.
  private static let limit = 32
  private static let patience = Duration.seconds(5)
  private static let pauseBeforeRepeating = Duration.milliseconds(200)
  /// For so long a registration may still be carried out whose answer never came.
  private static let carriedOutLateMilliseconds: Int64 = 8_000

  let balancer: Balancer
  let ledger: Ledger
  let seed: UInt64
  /// New miners a second.
  let rate: Double

  /// Works until `isEnough`, then returns once everything is acknowledged, or `drain` is over.
  func run(until isEnough: @Sendable @escaping () -> Bool, drain: Duration) async {
    let start = ContinuousClock.now
    let gate = Gate(limit: Self.limit)
    await withDiscardingTaskGroup { group in
      var number = 0
      while !isEnough() && !Task.isCancelled {
        number += 1
        try? await Task.sleep(until: start + .seconds(Double(number) / rate), clock: .continuous)
        let random = SeededRandom(seed: seed &+ 7, index: number)
        let id = "chaos-\(seed)-new-\(number)"
        group.addTask {
          await gate.pass { await register(id, random, until: isEnough, drain: drain) }
        }
      }
    }
  }

  /// Once, and then now and then again; always in this order.
  private func register(
    _ id: String, _ random: SeededRandom, until isEnough: @Sendable () -> Bool, drain: Duration
  ) async {
    var random = random
    repeat {
      let price = Price(units: Int64(1 + random.next() % 1_000) * 1_000_000)
      let body = Self.body(id, price)
      var giveUp: ContinuousClock.Instant?
      while !Task.isCancelled {
        if isEnough() { giveUp = giveUp ?? .now + drain }
        if let giveUp, giveUp < .now { return }
        if await isAcknowledged(id, price, body) { break }
        try? await Task.sleep(for: Self.pauseBeforeRepeating)
      }
    } while random.chance(0.4) && !isEnough()
  }

  private func isAcknowledged(_ id: String, _ price: Price, _ body: [UInt8]) async -> Bool {
    let answer = await balancer.ask(
      by: .now + Self.patience,
      unanswered: {
        ledger.unansweredRegistration(of: id, price: price)
        noteSign(of: id, isLate: true)
      }
    ) { try await $0.register(body) }
    noteSign(of: id, isLate: answer?.status != 200)
    switch answer?.status {
    case 200: ledger.acknowledgedRegistration(of: id, price: price)
    case 503, nil: return false
    default: ledger.refused("registration of \(id): \(answer?.summary ?? "")")
    }
    return true
  }

  private func noteSign(of id: String, isLate: Bool) {
    let delay = isLate ? Self.carriedOutLateMilliseconds : 0
    // Through which gateway nobody knows, and it makes no difference: it is in the future or just now.
    ledger.sign(of: id, through: 0, at: Timestamp.now.advanced(byMilliseconds: delay))
  }

  private static func body(_ id: String, _ price: Price) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.field("miner_id", id)
      json.field("api_key", "key-of-\(id)-0123456789")
      json.field("region", "eu")
      json.field("gpu_vram_gb", 24)
      json.field("price_token_per_ksec", number: price.description)
      json.field("capabilities", ["chaos"])
    }
    return json.bytes
  }
}
