import Fleet
import Foundation
import Glibc
import TestSupport
import Testing

@Suite("The programs' configuration") struct ProcessConfiguration {
  private static let secret = "hush-hush-hush-hush"
  private static let good = [
    "POOLHUB_DB_DSN": "host=/nowhere user=poolhub password=\(secret)",
    "POOLHUB_REDIS_URL": "redis://:\(secret)@127.0.0.1:1/0",
    "POOLHUB_COORDINATOR_SECRETS": "main:\(secret)-c",
    "POOLHUB_ADMIN_SECRET": "\(secret)-a",
    "POOLHUB_SESSION_SIGNING_KEYS": "k1:\(Data(repeating: 7, count: 32).base64EncodedString())",
  ]

  @Test("A good configuration passes the check", arguments: ["poolhub-gateway", "poolhub-scorer"])
  func good(program: String) async throws {
    let run = try await ProgramRun.run(program, ["--check-config"], environment: Self.good)
    #expect(run.status == 0)
    #expect(run.lines == ["the configuration is fine"])
  }

  @Test("Settings may stand in .env, and the environment wins over it")
  func dotEnv() async throws {
    let text = Self.good.map { "\($0.key)=\($0.value)" }.joined(separator: "\n")
    let run = try await ProgramRun.run(
      "poolhub-gateway", ["--check-config"], files: [".env": text])
    #expect(run.status == 0, "\(run.output)")
    let overridden = try await ProgramRun.run(
      "poolhub-gateway", ["--check-config"], environment: ["POOLHUB_PORT": "none"],
      files: [".env": text])
    #expect(overridden.status == 78)
    #expect(overridden.output.contains("POOLHUB_PORT"))
  }

  @Test("A file of services is read at the start, and what is wrong in it is told in one line")
  func services() async throws {
    let good = #"{"types": {"blender": null}}"#
    let bad = #"{"types": {"tts": {"title": "Speech", "template": {}, "prices": []}}}"#
    var environment = Self.good
    environment["POOLHUB_SERVICES_FILE"] = "services.json"
    func run(_ arguments: [String], _ files: [String: String]) async throws -> ProgramRun {
      try await ProgramRun.run(
        "poolhub-gateway", arguments, environment: environment, files: files)
    }
    let fine = try await run(["--check-config"], ["services.json": good])
    #expect(fine.status == 0, "\(fine.output)")
    for arguments in [["--check-config"], []] {
      let wrong = try await run(arguments, ["services.json": bad])
      #expect(wrong.status == 78)
      #expect(wrong.lines.count == 1)
      #expect(
        wrong.output.contains("POOLHUB_SERVICES_FILE services.json is wrong at types.tts.prices"))
      let missing = try await run(arguments, [:])
      #expect(missing.status == 78 && missing.lines.count == 1)
      #expect(missing.output.contains("POOLHUB_SERVICES_FILE services.json cannot be read"))
    }
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    var program: String
    var key: String
    /// nil: missing.
    var value: String?

    var testDescription: String { "\(program) with \(key)=\(value ?? "")" }
  }

  private static let faults: [Fault] =
    ["poolhub-gateway", "poolhub-scorer"].flatMap { program in
      [
        Fault(program: program, key: "POOLHUB_DB_DSN", value: nil),
        Fault(program: program, key: "POOLHUB_DB_DSN", value: "poolhub:\(secret)@here"),
        Fault(program: program, key: "POOLHUB_REDIS_URL", value: nil),
        Fault(program: program, key: "POOLHUB_REDIS_URL", value: "http://:\(secret)@here"),
        Fault(program: program, key: "POOLHUB_REDIS_URL", value: "redis://:\(secret)@here:port"),
        Fault(program: program, key: "POOLHUB_REDIS_URL", value: "unix://\(secret)"),
        Fault(program: program, key: "POOLHUB_LEASE_TTL_SEC", value: "soon"),
        Fault(program: program, key: "POOLHUB_LEASE_TTL_SEC", value: "0"),
        Fault(program: program, key: "POOLHUB_LOG_LEVEL", value: "loud"),
      ]
    } + [
      Fault(program: "poolhub-gateway", key: "POOLHUB_PORT", value: "65536"),
      Fault(program: "poolhub-gateway", key: "POOLHUB_ADMIN_SECRET", value: nil),
      Fault(program: "poolhub-gateway", key: "POOLHUB_ADMIN_SECRET", value: "hush"),
      Fault(program: "poolhub-gateway", key: "POOLHUB_COORDINATOR_SECRETS", value: nil),
      Fault(program: "poolhub-gateway", key: "POOLHUB_COORDINATOR_SECRETS", value: secret),
      Fault(
        program: "poolhub-gateway", key: "POOLHUB_SESSION_SIGNING_KEYS", value: "k1:aHVzaA=="),
      Fault(program: "poolhub-gateway", key: "POOLHUB_REGISTRATION", value: "closed"),
      Fault(program: "poolhub-gateway", key: "POOLHUB_SCORER_BIND", value: "nowhere"),
      Fault(program: "poolhub-scorer", key: "POOLHUB_GATEWAYS", value: "http://here"),
      Fault(program: "poolhub-scorer", key: "POOLHUB_DEFAULT_WEIGHTS", value: "cap:-1"),
      Fault(
        program: "poolhub-scorer", key: "POOLHUB_DEFAULT_WEIGHTS",
        value: "cap:0,price:0,latency:0,trust:0,load:0"),
    ]

  @Test("A bad value stops the check and the start with one line that tells", arguments: faults)
  func bad(fault: Fault) async throws {
    var environment = Self.good
    environment[fault.key] = fault.value
    for arguments in [["--check-config"], []] {
      let run = try await ProgramRun.run(fault.program, arguments, environment: environment)
      #expect(run.status == 78, "\(run.output)")
      #expect(run.lines.count == 1, "\(run.output)")
      // «program: KEY fault; mend».
      let line = run.lines.first ?? ""
      #expect(line.hasPrefix("\(fault.program): \(fault.key) "), "\(line)")
      #expect(line.contains("; "), "\(line)")
      #expect(!line.contains("hush"), "\(line)")
      #expect(run.duration < .seconds(10))
    }
  }

  @Test("A gateway whose port is taken says so in its last line")
  func portTaken() async throws {
    let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(file) }
    let port = try listen(on: file)
    var environment = Self.good
    environment["POOLHUB_PORT"] = String(port)
    environment["POOLHUB_SCORER_BIND"] = "tcp://127.0.0.1:\(try FreePort.choose())"
    let run = try await ProgramRun.run("poolhub-gateway", environment: environment)
    #expect(run.status != 0)
    let last = try #require(run.lines.last)
    #expect(last.contains("POOLHUB_PORT") && last.contains(String(port)), "\(run.output)")
    #expect(!run.output.contains("hush"))
    // No dump of an error's inside.
    #expect(run.lines.allSatisfy { $0.utf8.count < 250 }, "\(run.output)")
  }

  @Test("A gateway whose endpoint for scorers is taken says so in its last line")
  func scorerPortTaken() async throws {
    let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(file) }
    let port = try listen(on: file)
    var environment = Self.good
    environment["POOLHUB_PORT"] = String(try FreePort.choose())
    environment["POOLHUB_SCORER_BIND"] = "tcp://127.0.0.1:\(port)"
    let run = try await ProgramRun.run("poolhub-gateway", environment: environment)
    #expect(run.status != 0)
    let last = try #require(run.lines.last)
    #expect(
      last.contains("POOLHUB_SCORER_BIND") && last.contains(String(port)), "\(run.output)")
    #expect(!run.output.contains("hush"))
  }

  /// - Returns: the port that the socket listens on.
  private func listen(on file: Int32) throws -> UInt16 {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(file, $0, size) == 0 && Glibc.listen(file, 1) == 0
          && getsockname(file, $0, &size) == 0
      }
    }
    try #require(isBound)
    return UInt16(bigEndian: address.sin_port)
  }
}
