import CSanitizer

/// To be called by a task right after it has waited with a continuation, where another thread may have resumed it
/// before it had begun to wait and the answer holds references.
///
/// For the thread sanitizer alone. `swift_continuation_resume` tells it that what the resuming thread did comes
/// first; the other half, in the waiting task, is missing from `swift_continuation_await` of Swift 6.3 where the
/// resumption is there already, and reading the answer looks like a race.
package func acquireResumption() { acquire_resumption() }
