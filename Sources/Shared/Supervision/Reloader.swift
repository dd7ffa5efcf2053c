import Logging
import ServiceLifecycle
import UnixSignals

/// Reads what can change while the process runs, on each SIGHUP. What cannot be used changes nothing.
package struct Reloader: Service {
  private let life: ServiceLife
  private let logger: Logger
  private let reload: @Sendable () async throws -> ReloadOutcome

  /// - Parameter reload: takes all of the new in, or throws and takes none of it.
  package init(
    life: ServiceLife, logger: Logger, reload: @escaping @Sendable () async throws -> ReloadOutcome
  ) {
    self.life = life
    self.logger = logger
    self.reload = reload
  }

  package func run() async throws {
    let hangups = await UnixSignalsSequence(trapping: .sighup)
    await cancelWhenGracefulShutdown {
      for await _ in hangups { await self.takeNew() }
    }
  }

  private func takeNew() async {
    life.reloading()
    do {
      let outcome = try await reload()
      logger.notice("reloaded", metadata: outcome.metadata)
      life.reloaded("reloaded: \(outcome.summary)")
    } catch {
      logger.error(
        "not reloaded, everything stays as it was", metadata: ["fault": "\(error)"])
      life.reloaded("the last reload was refused and changed nothing: \(error)")
    }
  }
}

/// What a reload came to, by the names of settings.
package struct ReloadOutcome: Equatable, Sendable {
  /// In force now.
  package var taken: [String]
  /// Changed as well, but read only at a start.
  package var waiting: [String]

  /// - Parameters:
  ///   - changed: all that have another value than before.
  ///   - reloadable: those that are taken while the process runs.
  package init(changed: [String], reloadable: Set<String>) {
    taken = changed.filter { reloadable.contains($0) }.sorted()
    waiting = changed.filter { !reloadable.contains($0) }.sorted()
  }

  package var summary: String {
    let taken = taken.isEmpty ? "nothing new" : "new \(taken.joined(separator: ", "))"
    return waiting.isEmpty
      ? taken : "\(taken); \(waiting.joined(separator: ", ")) takes a restart"
  }

  fileprivate var metadata: Logger.Metadata {
    var fields: Logger.Metadata = ["new": "\(taken.joined(separator: ","))"]
    if !waiting.isEmpty { fields["takes-a-restart"] = "\(waiting.joined(separator: ","))" }
    return fields
  }
}
