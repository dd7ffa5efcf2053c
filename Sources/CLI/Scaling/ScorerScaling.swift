/// Brings this host's scorers to a number, and says what it does.
package struct ScorerScaling: Sendable {
  private let control: any SystemControl
  private let serving: @Sendable () async throws -> Set<String>
  private let host: String
  private let say: @Sendable (String) -> Void

  /// How often the gateway is asked.
  private static let interval = Duration.milliseconds(200)

  /// - Parameters:
  ///   - host: this one's short name, as the units give it to their scorers.
  ///   - serving: the names of the scorers that a gateway uses.
  package init(
    control: any SystemControl, host: String,
    serving: @escaping @Sendable () async throws -> Set<String>,
    say: @escaping @Sendable (String) -> Void
  ) {
    self.control = control
    self.host = host
    self.serving = serving
    self.say = say
  }

  /// - Parameter patience: how long new scorers may take until a gateway uses them.
  /// - Throws: `SystemControlFault` when systemd refuses, or a new scorer doesn't serve in time.
  package func scale(to wanted: Int, patience: Duration) async throws {
    let running = ScorerUnits.running(in: try await control.run(ScorerUnits.listArguments))
    let plan = ScalePlan(running: running, wanted: wanted)
    if plan.start.isEmpty && plan.stop.isEmpty {
      return say("\(Self.scorers(wanted)) already: nothing to do")
    }
    if !plan.start.isEmpty { try await start(plan.start, patience: patience) }
    // One after the other: each says goodbye and hands over before the next one goes.
    for number in plan.stop {
      _ = try await control.run(["disable", "--quiet", "--now", ScorerUnits.name(number)])
      say("\(ScorerUnits.name(number)) has finished and stopped")
    }
    say("from \(running.count) to \(Self.scorers(wanted))")
  }

  private func start(_ numbers: [Int], patience: Duration) async throws {
    let units = numbers.map(ScorerUnits.name)
    // Enabled as well, so that they are there after the host was started anew.
    _ = try await control.run(["enable", "--quiet"] + units)
    _ = try await control.run(["start", "--no-block"] + units)
    say("started \(units.joined(separator: " "))")
    var awaited = Set(numbers.map { "scorer-\($0)@\(host)" })
    let end = ContinuousClock.now + patience
    while true {
      let fault: String?
      do {
        let there = try await serving()
        for name in awaited.intersection(there).sorted() { say("\(name) serves") }
        awaited.subtract(there)
        fault = nil
      } catch {
        fault = "\(error)"
      }
      if awaited.isEmpty { return }
      if ContinuousClock.now >= end {
        throw SystemControlFault(
          "not yet serving after \(patience.components.seconds) s: "
            + awaited.sorted().joined(separator: ", ")
            + (fault.map { "; the gateway: \($0)" } ?? "")
            + "; see journalctl --unit '\(ScorerUnits.name(numbers[0]))'")
      }
      try await Task.sleep(for: Self.interval)
    }
  }

  private static func scorers(_ count: Int) -> String {
    count == 1 ? "1 scorer" : "\(count) scorers"
  }
}
