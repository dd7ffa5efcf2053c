import Testing

@testable import GatewayPolicy

@Suite("The timer wheel")
struct TimerWheelTests {
  private final class Member: TimerWheelMember {
    let number: Int
    var wheelPlace: TimerWheelPlace?
    init(_ number: Int) { self.number = number }
  }

  @Test("Who is set comes up once, at its tick", arguments: [1, 2, 7, 15])
  func comesUp(ticks: Int) {
    var wheel = TimerWheel<Member>(ticks: 16)
    let member = Member(1)
    wheel.set(member, ticksAhead: ticks)
    for tick in 1...40 {
      let due = wheel.advance()
      #expect(due.map(\.number) == (tick == ticks ? [1] : []))
    }
    #expect(wheel.count == 0)
  }

  @Test("Beyond the wheel's size one comes up a turn later at most, and now is the next tick")
  func bounds() {
    var wheel = TimerWheel<Member>(ticks: 8)
    wheel.set(Member(1), ticksAhead: 0)
    #expect(wheel.advance().map(\.number) == [1])
    wheel.set(Member(2), ticksAhead: 1_000)
    #expect((1...7).map { _ in wheel.advance().count } == [0, 0, 0, 0, 0, 0, 1])
  }

  @Test("Against a plain table: any order of setting, moving, taking away", arguments: 0..<8)
  func random(seed: UInt64) {
    var random = RequestRandom(seed: seed)
    var wheel = TimerWheel<Member>(ticks: 32)
    let members = (0..<50).map { Member($0) }
    var table: [Int: Int] = [:]
    for now in 1...2_000 {
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        let member = members[Int.random(in: 0..<50, using: &random)]
        if Int.random(in: 0..<3, using: &random) == 0 {
          wheel.remove(member)
          table[member.number] = nil
        } else {
          let ticks = Int.random(in: 1...31, using: &random)
          wheel.set(member, ticksAhead: ticks)
          table[member.number] = now - 1 + ticks
        }
      }
      let due = Set(wheel.advance().map(\.number))
      #expect(due == Set(table.filter { $0.value == now }.keys))
      for number in due { table[number] = nil }
      #expect(wheel.count == table.count)
    }
  }
}
