import Glibc
import Testing
import Threads

@Suite("Answers before their callers wait") struct ResumptionTests {
  private indirect enum Answer: Sendable { case texts([String]), nothing }

  /// Only the thread sanitizer can make it fail.
  @Test("are no race")
  func early() async {
    for number in 0..<10 {
      let answer: Answer = await withCheckedContinuation { continuation in
        startThread(name: "answers") {
          continuation.resume(returning: .texts(["answer", "\(number)"]))
        }
        // No condition: whatever told that the thread is done would also order what it did before what comes here.
        usleep(20_000)
      }
      acquireResumption()
      guard case .texts(let texts) = answer else { continue }
      #expect(texts == ["answer", "\(number)"])
    }
  }
}
