import Fleet
import Glibc

/// A folder for one benchmark, gone when it ends, also by a signal.
enum BenchFolder {
  static func with<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let folder = try TemporaryFolder()
    let signals = StopSignals.stream()
    let watch = Task {
      // The kernel ends every child; only the folder is left to remove.
      for await _ in signals {
        folder.remove()
        _exit(130)
      }
    }
    defer {
      watch.cancel()
      folder.remove()
    }
    return try await body(folder.path)
  }
}
