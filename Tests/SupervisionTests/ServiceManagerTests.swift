import Supervision
import Testing

@Suite("What a service manager is told")
struct ServiceManagerTests {
  @Test(
    "comes as lines in one datagram, to a path or to a name in no folder", arguments: [false, true])
  func lines(isAbstract: Bool) throws {
    let listener = try NotifyListener(isAbstract: isAbstract)
    let manager = try #require(ServiceManager(environment: listener.environment))
    #expect(manager.tell(.ready, .status("serves")))
    #expect(listener.next() == ["READY=1", "STATUS=serves"])
    #expect(manager.tell(.reloading(microseconds: 17)))
    #expect(listener.next() == ["RELOADING=1", "MONOTONIC_USEC=17"])
    #expect(manager.tell(.watchdog))
    #expect(listener.next() == ["WATCHDOG=1"])
    #expect(manager.tell(.stopping))
    #expect(listener.next() == ["STOPPING=1"])
  }

  @Test("has a status of one line, cut where it is too long, and at no character's middle")
  func status() throws {
    let listener = try NotifyListener()
    let manager = try #require(ServiceManager(environment: listener.environment))
    manager.tell(.status("a\nREADY=1\r\nb"))
    #expect(listener.next() == ["STATUS=a READY=1 b"])
    manager.tell(.status(String(repeating: "ü", count: 1_000)))
    #expect(listener.next() == ["STATUS=" + String(repeating: "ü", count: 200)])
  }

  @Test(
    "is nothing where nobody listens",
    arguments: [
      nil, "", "@", "relative/path", "vsock:2:1234", "/" + String(repeating: "x", count: 108),
    ])
  func nobody(socket: String?) {
    let environment = socket.map { ["NOTIFY_SOCKET": $0] } ?? [:]
    let manager = ServiceManager(environment: environment)
    #expect(manager.map { _ in true } == nil)
  }

  @Test("is lost, and no fault, where the socket is gone")
  func gone() throws {
    let manager = try #require(
      ServiceManager(environment: ["NOTIFY_SOCKET": "/nonexistent/socket"]))
    #expect(!manager.tell(.ready))
  }

  @Test(
    "includes signs of life only where they are wanted of this process",
    arguments: [
      (["WATCHDOG_USEC": "3000000"], Duration.seconds(3)),
      (["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"], .seconds(3)),
      (["WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"], nil),
      (["WATCHDOG_USEC": "0"], nil), (["WATCHDOG_USEC": "soon"], nil), ([:], nil),
    ])
  func watchdog(environment: [String: String], timeout: Duration?) {
    #expect(Watchdog(environment: environment, processID: 7)?.timeout == timeout)
  }
}
