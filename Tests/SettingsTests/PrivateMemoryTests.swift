import CLinux
import Glibc
import Settings
import Testing

@Suite("A process that holds secrets") struct PrivateMemoryTests {
  @Test("It leaves no core file, and its memory is nobody else's")
  func keptPrivate() {
    var before = rlimit()
    let core = __rlimit_resource_t(RLIMIT_CORE.rawValue)
    #expect(getrlimit(core, &before) == 0)
    #expect(is_dumpable() == 1)
    keepMemoryPrivate()
    // The other tests' crashes may leave what helps.
    defer { _ = set_dumpable(1) }
    #expect(is_dumpable() == 0)
    var after = rlimit(rlim_cur: 1, rlim_max: 1)
    #expect(getrlimit(core, &after) == 0)
    #expect(after.rlim_cur == 0)
  }
}
