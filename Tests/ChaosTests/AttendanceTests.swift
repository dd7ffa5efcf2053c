import Chaos
import Domain
import Testing

@Suite("The attendance of miners")
struct AttendanceTests {
  private var attendance = Attendance(gateways: 2, leaseMilliseconds: 6_000)

  private func at(_ milliseconds: Int64) -> Timestamp {
    Timestamp(milliseconds: 1_000_000 + milliseconds)
  }

  @Test("a candidate is stale once its lease is over for more than a second")
  mutating func stale() {
    attendance.sign(of: "m", through: 0, at: at(0))
    attendance.sign(of: "m", through: 1, at: at(500))
    #expect(!attendance.isStale("m", at: at(7_500)))
    #expect(attendance.isStale("m", at: at(7_501)))
    #expect(attendance.isStale("never heard of", at: at(0)))
  }

  @Test("what was sent to a stopped gateway counts from when that goes on")
  mutating func stopped() {
    attendance.sign(of: "waits", through: 0, at: at(1_000))
    attendance.sign(of: "elsewhere", through: 1, at: at(1_000))
    attendance.sign(of: "earlier", through: 0, at: at(0))
    attendance.resumed(gateway: 0, stoppedAt: at(900), now: at(5_000))
    #expect(!attendance.isStale("waits", at: at(12_000)))
    #expect(attendance.isStale("elsewhere", at: at(12_000)))
    #expect(attendance.isStale("earlier", at: at(12_000)))
  }

  @Test("nothing is stale while lease clocks may stand still, and three seconds after")
  mutating func clocks() {
    attendance.sign(of: "m", through: 0, at: at(0))
    attendance.leaseClocksMayStandStill(true, at: at(5_000))
    #expect(!attendance.isStale("m", at: at(60_000)))
    attendance.leaseClocksMayStandStill(false, at: at(70_000))
    #expect(!attendance.isStale("m", at: at(72_999)))
    #expect(attendance.isStale("m", at: at(73_000)))
  }
}
