import Glibc
import Logging
import ServiceLifecycle
import Synchronization

/// What a process does, as its service manager wants to know it.
package protocol Supervised: Sendable {
  /// It can do what it is there for. Once it could, it is asked no more.
  var isReady: Bool { get }
  /// In a few words, for people.
  var status: String { get }
  /// Whether every thread that matters still turns. May take its time: as long as it doesn't answer,
  /// the process counts as hung.
  func isAlive() async -> Bool
}

/// Keeps the service manager informed: when the process is ready, how it is, that it is alive, that it
/// ends. Without a manager it does nothing.
package final class ServiceLife: Service {
  private static let readyInterval = Duration.milliseconds(50)
  private static let statusInterval = Duration.seconds(5)
  /// Signs of life in one time-out.
  private static let signsPerTimeout = 3

  private struct State {
    /// What the last reload came to.
    var note: String?
    var isReady = false
    var told: String?
  }

  private let manager: ServiceManager?
  private let watchdog: Watchdog?
  private let process: any Supervised
  private let logger: Logger
  private let state = Mutex(State())

  package init(
    process: any Supervised, environment: [String: String], processID: Int32 = getpid(),
    logger: Logger
  ) {
    self.process = process
    self.logger = logger
    manager = ServiceManager(environment: environment)
    watchdog = Watchdog(environment: environment, processID: processID)
  }

  package func run() async throws {
    guard let manager else { return try await gracefulShutdown() }
    await withGracefulShutdownHandler {
      await cancelWhenGracefulShutdown {
        await self.waitUntilReady(manager)
        await withTaskGroup { group in
          group.addTask { await self.tellStatus(manager) }
          if let watchdog = self.watchdog {
            group.addTask { await self.giveSigns(manager, watchdog) }
          }
        }
      }
    } onGracefulShutdown: {
      manager.tell(.stopping, .status("finishing what it has"))
    }
  }

  /// A reload begins. `reloaded` ends it.
  func reloading() {
    manager?.tell(.reloading(microseconds: ServiceManager.monotonicMicroseconds))
  }

  /// - Parameter note: what it came to; stands in the status until the next one.
  func reloaded(_ note: String) {
    let isReady = state.withLock { state in
      state.note = note
      return state.isReady
    }
    // Before it was ready it isn't so by a reload.
    if isReady { manager?.tell(.ready) }
    if let manager { tellStatus(to: manager) }
  }

  private func waitUntilReady(_ manager: ServiceManager) async {
    while !process.isReady {
      tellStatus(to: manager)
      guard (try? await Task.sleep(for: Self.readyInterval)) != nil else { return }
    }
    state.withLock { $0.isReady = true }
    manager.tell(.ready)
    tellStatus(to: manager)
    logger.debug("the service manager knows that we are ready")
  }

  private func tellStatus(_ manager: ServiceManager) async {
    while (try? await Task.sleep(for: Self.statusInterval)) != nil { tellStatus(to: manager) }
  }

  /// Unless it is what was told last.
  private func tellStatus(to manager: ServiceManager) {
    let status = process.status
    let news = state.withLock { state -> String? in
      let text = state.note.map { "\(status); \($0)" } ?? status
      if state.told == text { return nil }
      state.told = text
      return text
    }
    if let news { manager.tell(.status(news)) }
  }

  private func giveSigns(_ manager: ServiceManager, _ watchdog: Watchdog) async {
    while !Task.isCancelled {
      if await process.isAlive() {
        manager.tell(.watchdog)
      } else {
        logger.error("a thread stands still; the service manager isn't told that all is well")
      }
      try? await Task.sleep(for: watchdog.timeout / Self.signsPerTimeout)
    }
  }
}
