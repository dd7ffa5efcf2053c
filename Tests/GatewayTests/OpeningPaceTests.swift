import GatewayPolicy
import Testing

@Suite("The pace of opening WebSockets")
struct OpeningPaceTests {
  @Test("a tenth of a second's worth opens at once, the rest as time goes by")
  func burst() {
    var pace = OpeningPace(perSecond: 100)
    #expect((0..<10).allSatisfy { _ in pace.open(at: 5) == nil })
    #expect(pace.open(at: 5) == 1)
    #expect(pace.open(at: 5.011) == nil)
    #expect(pace.open(at: 5.011) == 1)
    // However long nobody came.
    #expect((0..<10).allSatisfy { _ in pace.open(at: 900) == nil })
    #expect(pace.open(at: 900) != nil)
  }

  @Test("one a second still opens")
  func slowest() {
    var pace = OpeningPace(perSecond: 1)
    #expect(pace.open(at: 0) == nil)
    #expect(pace.open(at: 0.5) == 1)
    #expect(pace.open(at: 1.1) == nil)
  }

  @Test("those sent away get places one behind the other, at most half a minute off")
  func places() {
    var pace = OpeningPace(perSecond: 10)
    _ = pace.open(at: 0)
    let told = (0..<1_000).compactMap { _ in pace.open(at: 0) }
    #expect(told.count == 1_000)
    #expect(told == told.sorted())
    for second in 1..<30 { #expect(told.count { $0 == second } == 10) }
    #expect(told.last == 30)
  }

  @Test(
    "a herd that does as it is told is in soon, and never faster than the pace", arguments: 0..<3)
  func herd(seed: UInt64) {
    var random = RequestRandom(seed: seed)
    var pace = OpeningPace(perSecond: 1_000)
    var arrivals = (0..<9_000).map { _ in Double.random(in: 0..<0.5, using: &random) }
    var opened: [Double] = []
    while !arrivals.isEmpty {
      arrivals.sort()
      let soon = arrivals.prefix { $0 < arrivals[0] + 0.1 }
      arrivals.removeFirst(soon.count)
      for moment in soon {
        guard let seconds = pace.open(at: moment) else {
          opened.append(moment)
          continue
        }
        // Anywhere in the second after it.
        arrivals.append(moment + Double(seconds) + Double.random(in: 0..<1, using: &random))
      }
    }
    opened.sort()
    #expect(opened.count == 9_000)
    #expect(opened.last! < 16)
    for first in opened.indices where first + 1_101 < opened.count {
      #expect(opened[first + 1_101] - opened[first] >= 1)
    }
  }
}
