import Fleet
import Glibc
import Testing

@Suite("What each process is started with")
struct ServicePlanTests {
  private func plan(
    settings: [String] = [], environment: [String: String] = [:],
    simulation: DevOptions.Simulation? = nil
  ) throws -> ServicePlan {
    let folder = try ScratchFolder()
    var options = DevOptions(directory: folder.path)
    options.gateways = 2
    options.scorers = 3
    options.simulation = simulation
    options.settings = settings.compactMap { DevOptions.Setting($0) }
    return ServicePlan(
      options: options, secrets: try DevSecrets.keptIn(folder.path),
      surroundings: .init(
        environment: environment, executables: "/opt/hub", databaseDSN: "dbname=x",
        redisURL: "unix:///r.sock"),
      ports: [9_001, 9_002], scorerEndpoints: ["ipc:///g1", "ipc:///g2"])
  }

  @Test("Every gateway has its own port, name and endpoint; every scorer dials all endpoints")
  func services() throws {
    let plan = try plan()
    #expect(plan.gatewayURLs == ["http://127.0.0.1:9001", "http://127.0.0.1:9002"])
    #expect(plan.gateways.map(\.name) == ["gateway-1", "gateway-2"])
    #expect(plan.gateways.map { $0.environment["POOLHUB_PORT"] } == ["9001", "9002"])
    #expect(
      plan.gateways.map { $0.environment["POOLHUB_SCORER_BIND"] } == ["ipc:///g1", "ipc:///g2"])
    #expect(plan.gateways[0].executable == "/opt/hub/poolhub-gateway")
    #expect(plan.scorers.map(\.name) == ["scorer-1", "scorer-2", "scorer-3"])
    #expect(plan.scorers.map { $0.environment["POOLHUB_SCORER_ID"] } == plan.scorers.map(\.name))
    for service in plan.scorers {
      #expect(service.environment["POOLHUB_GATEWAYS"] == "ipc:///g1,ipc:///g2")
      #expect(service.environment["POOLHUB_DB_DSN"] == "dbname=x")
      #expect(service.environment["POOLHUB_REDIS_URL"] == "unix:///r.sock")
    }
    #expect(plan.simulation == nil)
  }

  @Test("A setting reaches every process and wins over everything else")
  func settings() throws {
    let plan = try plan(
      settings: ["POOLHUB_LEASE_TTL_SEC=5", "POOLHUB_ADMIN_SECRET=mine", "X=a=b", "X=c=d"],
      environment: ["X": "outer", "PATH": "/bin"])
    for service in plan.gateways + plan.scorers {
      #expect(service.environment["POOLHUB_LEASE_TTL_SEC"] == "5")
      #expect(service.environment["X"] == "c=d")
      #expect(service.environment["PATH"] == "/bin")
    }
    #expect(plan.state.adminSecret == "mine")
  }

  @Test("A scorer audits a small share of its answers, unless it is told another")
  func audit() throws {
    func share(of plan: ServicePlan) -> String? {
      plan.scorers[0].environment["POOLHUB_AUDIT_SHARE"]
    }
    #expect(share(of: try plan()) == "0.01")
    #expect(share(of: try plan(environment: ["POOLHUB_AUDIT_SHARE": "1"])) == "1")
    let told = try plan(
      settings: ["POOLHUB_AUDIT_SHARE=0"], environment: ["POOLHUB_AUDIT_SHARE": "1"])
    #expect(share(of: told) == "0")
  }

  @Test("The coordinator's secret in dev.json is one that the gateways accept")
  func coordinatorSecret() throws {
    let own = try plan()
    #expect(
      own.gateways[0].environment["POOLHUB_COORDINATOR_SECRETS"]
        == "dev:\(own.state.coordinatorSecret)")
    let given = try plan(settings: ["POOLHUB_COORDINATOR_SECRETS=a:first,a:second,b:third"])
    #expect(given.state.coordinatorSecret == "first")
  }

  @Test("The simulation speaks to every gateway, and gets its secret where no listing shows it")
  func simulation() throws {
    let plan = try plan(simulation: .init(miners: 20, seed: 7, matchRate: 2))
    let service = try #require(plan.simulation)
    #expect(service.executable == "/opt/hub/poolhub")
    #expect(service.arguments.filter { $0.hasPrefix("http") } == plan.gatewayURLs)
    #expect(!service.arguments.contains(plan.state.coordinatorSecret))
    #expect(service.environment["POOLHUB_COORDINATOR_SECRET"] == plan.state.coordinatorSecret)
  }

  @Test(
    "A setting is a name, an equals sign and a value",
    arguments: [
      ("A=b", true), ("A_1=", true), ("A=b=c", true), ("A", false), ("=b", false), ("a=b", false),
      ("1A=b", false), ("A-B=c", false), ("", false),
    ])
  func settingSyntax(text: String, isValid: Bool) {
    #expect((DevOptions.Setting(text) != nil) == isValid)
  }

  @Test("Free ports are free, distinct, and below those that the kernel dials from")
  func freePorts() throws {
    var ports: Set<Int> = []
    for _ in 0..<20 { ports.insert(try FreePort.choose(excluding: ports)) }
    #expect(ports.count == 20)
    #expect(ports.allSatisfy { $0 < 32_768 && FreePort.isFree($0) })
    #expect(!FreePort.isFree(70_000))
  }

  @Test("A port is served as soon as somebody listens there, and free again when nobody does")
  func servedPort() throws {
    // Of those that the kernel doesn't dial from: one that does may reach itself.
    let port = try FreePort.choose()
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, size) == 0 }
    }
    try #require(isBound)
    #expect(!FreePort.isServed(port), "nobody listens yet")
    try #require(listen(listener, 1) == 0)
    #expect(FreePort.isServed(port) && !FreePort.isFree(port))
    close(listener)
    #expect(!FreePort.isServed(port) && FreePort.isFree(port))
    #expect(!FreePort.isServed(70_000))
  }
}
