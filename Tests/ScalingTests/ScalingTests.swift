import Scaling
import Synchronization
import Testing

/// Units as a test says they are; remembers what it was told.
private final class MadeControl: SystemControl {
  struct State {
    var list: String
    var refusal: String?
    var calls: [[String]] = []
  }
  let state: Mutex<State>

  init(list: String, refusal: String? = nil) {
    state = Mutex(State(list: list, refusal: refusal))
  }

  var changes: [[String]] { state.withLock { $0.calls.filter { $0[0] != "list-units" } } }

  func run(_ arguments: [String]) async throws -> String {
    try state.withLock { state in
      state.calls.append(arguments)
      if arguments == ScorerUnits.listArguments { return state.list }
      if let refusal = state.refusal { throw SystemControlFault(refusal) }
      return ""
    }
  }
}

private final class Said: Sendable {
  let lines = Mutex<[String]>([])
  let rounds = Mutex(0)
}

@Suite("Scaling scorers", .timeLimit(.minutes(1)))
struct ScalingTests {
  @Test("reads which run, or are about to")
  func running() {
    let list = """
      poolhub-scorer@2.service loaded active     running Pool Hub: scorer 2
      poolhub-scorer@10.service loaded activating start   Pool Hub: scorer 10
      ● poolhub-scorer@3.service loaded failed     failed  Pool Hub: scorer 3
      poolhub-scorer@4.service loaded inactive   dead    Pool Hub: scorer 4
      poolhub-scorer@x.service loaded active     running Pool Hub: scorer x
      poolhub-gateway.service loaded active     running Pool Hub: gateway

      """
    #expect(ScorerUnits.running(in: list) == [2, 10])
    #expect(ScorerUnits.running(in: "") == [])
  }

  @Test(
    "takes the lowest free numbers and lets the highest go",
    arguments: [
      ([], 3, [1, 2, 3], []), ([1], 4, [2, 3, 4], []), ([2, 5], 4, [1, 3], []),
      ([1, 2, 3, 4], 2, [], [4, 3]), ([2, 7], 1, [], [7]), ([1, 2], 2, [], []), ([1], 0, [], [1]),
    ] as [([Int], Int, [Int], [Int])])
  func plan(running: [Int], wanted: Int, start: [Int], stop: [Int]) {
    let plan = ScalePlan(running: running, wanted: wanted)
    #expect(plan.start == start)
    #expect(plan.stop == stop)
  }

  private static let one = "poolhub-scorer@1.service loaded active running Pool Hub: scorer 1\n"

  @Test("starts more, and waits until a gateway uses all of them")
  func up() async throws {
    let control = MadeControl(list: Self.one)
    let said = Said()
    let scaling = ScorerScaling(
      control: control, host: "here",
      serving: {
        let round = said.rounds.withLock { count in
          count += 1
          return count
        }
        // Not reachable, then one after the other.
        if round == 1 { throw SystemControlFault("no answer") }
        return round == 2
          ? ["scorer-1@here", "scorer-2@here", "scorer-3@elsewhere"]
          : ["scorer-1@here", "scorer-2@here", "scorer-3@here"]
      }, say: { line in said.lines.withLock { $0.append(line) } })
    try await scaling.scale(to: 3, patience: .seconds(30))
    let units = ["poolhub-scorer@2.service", "poolhub-scorer@3.service"]
    #expect(control.changes == [["enable", "--quiet"] + units, ["start", "--no-block"] + units])
    #expect(
      said.lines.withLock { $0 } == [
        "started poolhub-scorer@2.service poolhub-scorer@3.service", "scorer-2@here serves",
        "scorer-3@here serves", "from 1 to 3 scorers",
      ])
    #expect(said.rounds.withLock { $0 } == 3)
  }

  @Test("stops the highest, one after the other")
  func down() async throws {
    let list = (1...4).map {
      "poolhub-scorer@\($0).service loaded active running Pool Hub: scorer \($0)\n"
    }
    let control = MadeControl(list: list.joined())
    let scaling = ScorerScaling(
      control: control, host: "here", serving: { [] }, say: { _ in })
    try await scaling.scale(to: 2, patience: .seconds(1))
    #expect(
      control.changes
        == [4, 3].map { ["disable", "--quiet", "--now", "poolhub-scorer@\($0).service"] })
  }

  @Test("does nothing where nothing is to do, and says so")
  func nothing() async throws {
    let control = MadeControl(list: Self.one)
    let said = Said()
    try await ScorerScaling(
      control: control, host: "here", serving: { [] },
      say: { line in said.lines.withLock { $0.append(line) } }
    ).scale(to: 1, patience: .seconds(1))
    #expect(control.changes.isEmpty)
    #expect(said.lines.withLock { $0 } == ["1 scorer already: nothing to do"])
  }

  @Test("names those that don't serve in time, and what systemd refuses")
  func faults() async {
    let late = ScorerScaling(
      control: MadeControl(list: Self.one), host: "here",
      serving: { ["scorer-1@here", "scorer-2@here"] }, say: { _ in })
    let fault = await #expect(throws: SystemControlFault.self) {
      try await late.scale(to: 3, patience: .milliseconds(300))
    }
    #expect(fault?.description.contains("scorer-3@here") == true)
    #expect(fault?.description.contains("scorer-2@here") == false)
    let refused = ScorerScaling(
      control: MadeControl(list: Self.one, refusal: "Access denied"), host: "here",
      serving: { [] }, say: { _ in })
    await #expect(throws: SystemControlFault("Access denied")) {
      try await refused.scale(to: 3, patience: .seconds(1))
    }
  }

  @Test("runs a real program, and tells its complaint")
  func program() async throws {
    #expect(try await SystemctlProgram(path: "/bin/echo").run(["a", "b"]) == "a b\n")
    await #expect(throws: SystemControlFault("systemctl x failed: status 1")) {
      try await SystemctlProgram(path: "/bin/false").run(["x"])
    }
    await #expect(throws: SystemControlFault.self) {
      try await SystemctlProgram(path: "/nonexistent/systemctl").run(["x"])
    }
  }
}
