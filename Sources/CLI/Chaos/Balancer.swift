import Simulation
import Synchronization

/// Asks gateways as a TCP balancer would: in turn, passing over those that gave no answer a moment ago;
/// and what one refused or left without an answer is asked of another.
package final class Balancer: Sendable {
  /// A gateway that gave no answer is left alone for so long.
  private static let rest = Duration.seconds(1)
  /// When all of them gave none.
  private static let pause = Duration.milliseconds(50)

  private let hubs: [HubClient]
  private let restUntil: Mutex<[ContinuousClock.Instant]>
  private let turn = Atomic<Int>(0)

  /// - Parameter patience: how long one gateway may take.
  package init(urls: [String], coordinatorSecret: String?, patience: Duration) {
    hubs = urls.map {
      HubClient(url: $0, coordinatorSecret: coordinatorSecret, timeout: patience)
    }
    restUntil = Mutex(urls.map { _ in .now })
  }

  /// - Parameters:
  ///   - unanswered: told each time that a gateway gave no answer: it may still do what it was asked.
  /// - Returns: the first answer, whatever it is; nil when there was none by `deadline`.
  package func ask(
    by deadline: ContinuousClock.Instant, unanswered: @Sendable () -> Void = {},
    _ body: @Sendable (HubClient) async throws -> HubAnswer
  ) async -> HubAnswer? {
    let first = turn.wrappingAdd(1, ordering: .relaxed).oldValue
    var tried = 0
    while ContinuousClock.now < deadline && !Task.isCancelled {
      let number = choose(first + tried)
      tried += 1
      do {
        return try await body(hubs[number])
      } catch {
        unanswered()
        restUntil.withLock { $0[number] = .now + Self.rest }
        if tried % hubs.count == 0 { try? await Task.sleep(for: Self.pause) }
      }
    }
    return nil
  }

  /// The gateway whose turn it is, or the next one that doesn't rest; all rest: its turn it is.
  private func choose(_ turn: Int) -> Int {
    let now = ContinuousClock.now
    return restUntil.withLock { until in
      let numbers = until.indices.map { (turn + $0) % until.count }
      return numbers.first { until[$0] <= now } ?? numbers[0]
    }
  }
}
