import Glibc
import Synchronization

/// A thread of its own for an actor whose work blocks, so that it never holds up the cooperative pool.
///
/// An actor names it as its `unownedExecutor` and keeps it in a stored property. The thread ends when
/// the last reference goes.
package final class ThreadExecutor: SerialExecutor {
  private let queue: JobQueue

  /// - Parameter name: at most 15 bytes show up in `top -H`.
  package init(name: String) {
    let queue = JobQueue()
    self.queue = queue
    startThread(name: name) { queue.runUntilClosed() }
  }

  deinit { queue.close() }

  package func enqueue(_ job: consuming ExecutorJob) {
    queue.push(UnownedJob(job), on: asUnownedSerialExecutor())
  }
}

/// Jobs waiting for one thread. A plain mutex and condition variable: `Synchronization.Mutex` has no wait.
private final class JobQueue: @unchecked Sendable {
  // @unchecked: every access to `jobs` and `isClosed` is between lock and unlock of `mutex`.
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let filled = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var jobs: [(UnownedJob, UnownedSerialExecutor)] = []
  private var isClosed = false

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(filled, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(filled)
    mutex.deallocate()
    filled.deallocate()
  }

  func push(_ job: UnownedJob, on executor: UnownedSerialExecutor) {
    pthread_mutex_lock(mutex)
    jobs.append((job, executor))
    pthread_cond_signal(filled)
    pthread_mutex_unlock(mutex)
  }

  func close() {
    pthread_mutex_lock(mutex)
    isClosed = true
    pthread_cond_signal(filled)
    pthread_mutex_unlock(mutex)
  }

  func runUntilClosed() {
    while true {
      pthread_mutex_lock(mutex)
      while jobs.isEmpty && !isClosed { pthread_cond_wait(filled, mutex) }
      let batch = jobs
      jobs = []
      pthread_mutex_unlock(mutex)
      if batch.isEmpty { return }
      for (job, executor) in batch { job.runSynchronously(on: executor) }
    }
  }
}
