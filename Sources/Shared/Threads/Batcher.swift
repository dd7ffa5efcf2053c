import Synchronization

/// Gathers what many callers ask for while the last batch is still running, and runs it as one:
/// a pipeline for Redis, a group commit for PostgreSQL. One batch runs at a time, in the order asked.
package final class Batcher<Input: Sendable, Output: Sendable>: Sendable {
  /// Answers one result an input, in order. Throwing fails the whole batch.
  package typealias Run = @Sendable ([Input]) async throws -> [Result<Output, any Error>]

  /// Thrown at once when `queueLimit` callers are waiting already.
  package struct QueueFull: Error {
    package init() {}
  }

  private struct Waiting {
    var input: Input
    var continuation: CheckedContinuation<Output, any Error>
  }
  private enum Next { case start, wait, refuse }
  private struct State {
    var waiting: [Waiting] = []
    var isRunning = false
  }

  private let state = Mutex(State())
  private let batchLimit: Int
  private let queueLimit: Int
  private let run: Run

  /// - Parameters:
  ///   - batchLimit: the most inputs in one batch.
  ///   - queueLimit: the most callers that may wait; one more gets `QueueFull`.
  package init(batchLimit: Int, queueLimit: Int, run: @escaping Run) {
    self.batchLimit = batchLimit
    self.queueLimit = queueLimit
    self.run = run
  }

  /// Waits until `input` was part of a batch, and gives its own result.
  package func submit(_ input: Input) async throws -> Output {
    defer { acquireResumption() }
    return try await withCheckedThrowingContinuation { continuation in
      let next = state.withLock { state -> Next in
        if state.waiting.count >= queueLimit { return .refuse }
        state.waiting.append(Waiting(input: input, continuation: continuation))
        if state.isRunning { return .wait }
        state.isRunning = true
        return .start
      }
      switch next {
      case .refuse: continuation.resume(throwing: QueueFull())
      case .start: Task { await drain() }
      case .wait: break
      }
    }
  }

  private func drain() async {
    while let batch = takeBatch() {
      do {
        let results = try await run(batch.map(\.input))
        precondition(results.count == batch.count, "a batch answers each of its inputs")
        for (item, result) in zip(batch, results) { item.continuation.resume(with: result) }
      } catch {
        for item in batch { item.continuation.resume(throwing: error) }
      }
    }
  }

  private func takeBatch() -> [Waiting]? {
    state.withLock { state in
      let batch = Array(state.waiting.prefix(batchLimit))
      state.waiting.removeFirst(batch.count)
      state.isRunning = !batch.isEmpty
      return batch.isEmpty ? nil : batch
    }
  }
}
