import Glibc
import Supervision
import Testing

@Suite("Sockets that were handed over")
struct HandedSocketTests {
  typealias Case = (environment: [String: String], sockets: [HandedSocket])

  @Test(
    "are counted from the third descriptor on, with their names",
    arguments: [
      ([:], []),
      (["LISTEN_PID": "7", "LISTEN_FDS": "0"], []),
      (
        ["LISTEN_PID": "7", "LISTEN_FDS": "2"],
        [HandedSocket(descriptor: 3, name: ""), HandedSocket(descriptor: 4, name: "")]
      ),
      (
        ["LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:"],
        [HandedSocket(descriptor: 3, name: "http"), HandedSocket(descriptor: 4, name: "")]
      ),
      // Somebody else's, left in the environment.
      (["LISTEN_PID": "8", "LISTEN_FDS": "1"], []),
    ] as [Case])
  func announced(_ sample: Case) throws {
    #expect(
      try HandedSockets.announced(in: sample.environment, processID: 7) == sample.sockets)
  }

  @Test(
    "are refused where they are told wrongly",
    arguments: [
      ["LISTEN_FDS": "1"], ["LISTEN_FDS": "1", "LISTEN_PID": "me"],
      ["LISTEN_FDS": "one", "LISTEN_PID": "7"], ["LISTEN_FDS": "-1", "LISTEN_PID": "7"],
      ["LISTEN_FDS": "65", "LISTEN_PID": "7"],
      ["LISTEN_FDS": "2", "LISTEN_PID": "7", "LISTEN_FDNAMES": "http"],
    ])
  func faults(environment: [String: String]) {
    #expect(throws: HandedSocketsFault.self) {
      try HandedSockets.announced(in: environment, processID: 7)
    }
  }

  @Test("are refused where they don't listen")
  func notListening() {
    let environment = ["LISTEN_FDS": "64", "LISTEN_PID": "7"]
    // No test runner has 64 listening sockets in a row.
    #expect(throws: HandedSocketsFault.self) {
      try HandedSockets.take(environment: environment, processID: 7)
    }
  }
}
