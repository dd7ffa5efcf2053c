// swift-tools-version: 6.2
import PackageDescription

// Who may import whom stands in ARCHITECTURE.md. Only Messaging, Postgres and Redis name a C library.

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
]

func library(_ name: String, path: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], path: String? = nil,
  resources: [Resource] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, path: path ?? "Tests/\(name)", resources: resources,
    swiftSettings: strict)
}

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(
  name: "AsyncHTTPClient", package: "async-http-client")
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let lifecycle = Target.Dependency.product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioExtras = Target.Dependency.product(name: "NIOExtras", package: "swift-nio-extras")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypesHTTP1 = Target.Dependency.product(
  name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")

let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")

let package = Package(
  name: "poolhub",
  products: [
    .executable(name: "poolhub-gateway", targets: ["poolhub-gateway"]),
    .executable(name: "poolhub-scorer", targets: ["poolhub-scorer"]),
    .executable(name: "poolhub", targets: ["poolhub"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // Shared: C libraries. `link` stands in the module maps; pkg-config's flags for libzmq are refused.
    .systemLibrary(name: "CZeroMQ", path: "Sources/Shared/CZeroMQ"),
    .systemLibrary(name: "CPostgreSQL", path: "Sources/Shared/CPostgreSQL"),
    .systemLibrary(name: "CHiredis", path: "Sources/Shared/CHiredis"),
    .systemLibrary(name: "CLinux", path: "Sources/Shared/CLinux"),
    .systemLibrary(name: "CSanitizer", path: "Sources/Shared/CSanitizer"),
    .systemLibrary(name: "CVector", path: "Sources/Scorer/CVector"),

    // Shared: what every process speaks.
    library("Domain", path: "Sources/Shared/Domain"),
    library("Admission", path: "Sources/Shared/Admission"),
    library("Bytes", path: "Sources/Shared/Bytes"),
    library("JSON", path: "Sources/Shared/JSON", ["Bytes"]),
    library("MatchText", path: "Sources/Shared/MatchText", ["Domain", "JSON"]),
    library("Threads", path: "Sources/Shared/Threads", ["CLinux", "CSanitizer"]),
    library("Wire", path: "Sources/Shared/Wire", ["Bytes", "Domain"]),
    library(
      "Messaging", path: "Sources/Shared/Messaging", ["CZeroMQ", "Threads", "Wire", "Domain", log]),
    library(
      "Postgres", path: "Sources/Shared/Postgres", ["CPostgreSQL", "Domain", "Threads", log]),
    library("Redis", path: "Sources/Shared/Redis", ["CHiredis", "Domain", "Threads", "Wire", log]),
    library(
      "Changes", path: "Sources/Shared/Changes",
      ["Domain", "Postgres", "Redis", "Settings", "Threads", "Wire", lifecycle, log]),
    library(
      "Settings", path: "Sources/Shared/Settings",
      ["Admission", "CLinux", "Domain", "Telemetry", argumentParser, configuration, log]),
    library("Supervision", path: "Sources/Shared/Supervision", [lifecycle, log, unixSignals]),
    library("Telemetry", path: "Sources/Shared/Telemetry", [log, metrics]),

    // Scorer.
    library("Index", path: "Sources/Scorer/Index", ["CVector", "Domain"]),
    library("Trust", path: "Sources/Scorer/Trust", ["Domain"]),
    library("Spread", path: "Sources/Scorer/Spread", ["Domain", "Index", collections]),
    library(
      "Feedback", path: "Sources/Scorer/Feedback",
      ["Domain", "Postgres", "Changes", "Trust", "Threads", "Wire", log]),
    .executableTarget(
      name: "poolhub-scorer",
      dependencies: [
        "Changes", "Domain", "Feedback", "Index", "MatchText", "Messaging", "Postgres", "Redis",
        "Settings", "Spread", "Supervision", "Telemetry", "Threads", "Trust", "Wire",
        argumentParser, collections, lifecycle, log, metrics,
      ], path: "Sources/Scorer/Worker", swiftSettings: strict),

    // Gateway.
    .target(
      name: "CPages", path: "Sources/Gateway/Pages",
      exclude: [
        "card.js", "charts.js", "docs.html", "icon.svg", "keys.js", "operator.js", "page.css",
        "page.js", "pool.html", "pool.js", "render_docs.py", "services.html", "services.js",
      ], cSettings: [.treatAllWarnings(as: .error)]),
    library("GatewayAPI", path: "Sources/Gateway/API", ["Domain", "JSON"]),
    library(
      "GatewayServices", path: "Sources/Gateway/Services",
      ["Domain", "GatewayAPI", "JSON", "Postgres"]),
    library(
      "GatewayHistory", path: "Sources/Gateway/History",
      ["Domain", "GatewayAPI", "JSON", "Postgres", collections, lifecycle, log]),
    library("GatewayPolicy", path: "Sources/Gateway/Policy", ["Domain", crypto]),
    library(
      "ScorerClient", path: "Sources/Gateway/ScorerClient",
      [
        "Domain", "MatchText", "Messaging", "Threads", "Wire", lifecycle, log, metrics, "Telemetry",
      ]),
    library(
      "GatewayTransport", path: "Sources/Gateway/Transport",
      ["Admission", nioCore, nioSSL, nioTLS]),
    library(
      "OnePort", path: "Sources/Gateway/OnePort",
      [
        "CLinux", hummingbird, hummingbirdCore, lifecycle, nioCore, nioExtras, nioHTTP1,
        nioHTTPTypesHTTP1, nioPosix, nioWebSocket, log,
      ]),
    .executableTarget(
      name: "poolhub-gateway",
      dependencies: [
        "Admission", "CPages", "Changes", "ScorerClient", "Domain", "GatewayAPI", "GatewayHistory",
        "GatewayPolicy", "GatewayServices", "GatewayTransport", "JSON", "Messaging", "OnePort",
        "Postgres", "Redis",
        "Settings", "Supervision", "Telemetry", "Threads", "Wire", argumentParser, crypto,
        hummingbird, lifecycle, log, metrics, nioCore, nioHTTP1, nioPosix, nioSSL, nioWebSocket,
      ],
      path: "Sources/Gateway",
      exclude: [
        "API", "History", "Policy", "Services", "ScorerClient", "OnePort", "Pages", "Transport",
      ],
      swiftSettings: strict),

    // CLI: the operator's and developer's tool.
    library(
      "Fleet", path: "Sources/CLI/Fleet", ["CLinux", "JSON", "Settings", "Threads", log]),
    library("Scaling", path: "Sources/CLI/Scaling"),
    library(
      "Simulation", path: "Sources/CLI/Simulation",
      ["Domain", "JSON", asyncHTTPClient, log, nioCore, nioHTTP1, nioPosix, nioWebSocket]),
    library(
      "IndexBenchmark", path: "Sources/CLI/IndexBenchmark",
      ["CVector", "Domain", "Index", "JSON", "Postgres", "Redis", "Simulation", "Threads"]),
    library(
      "Chaos", path: "Sources/CLI/Chaos",
      [
        "Domain", "Fleet", "JSON", "Messaging", "Postgres", "Redis", "Simulation", "Trust", "Wire",
        nioCore, nioPosix,
      ]),
    library(
      "HeartbeatBenchmark", path: "Sources/CLI/HeartbeatBenchmark",
      ["CLinux", "Domain", "JSON", "Simulation"]),
    .systemLibrary(name: "CBenchmark", path: "Sources/CLI/CBenchmark"),
    library(
      "PathBenchmark", path: "Sources/CLI/PathBenchmark",
      [
        "CBenchmark", "Domain", "Fleet", "HeartbeatBenchmark", "IndexBenchmark", "JSON",
        "Simulation", "Threads",
      ]),
    .executableTarget(
      name: "poolhub",
      dependencies: [
        "Chaos", "Domain", "Fleet", "GatewayPolicy", "HeartbeatBenchmark", "IndexBenchmark", "JSON",
        "Messaging", "PathBenchmark", "Postgres", "Redis", "Scaling", "Settings", "Simulation",
        "Telemetry",
        argumentParser, asyncHTTPClient, log,
      ], path: "Sources/CLI/Commands", swiftSettings: strict),

    // Tests.
    library(
      "TestSupport", path: "Tests/TestSupport",
      ["Domain", "Fleet", "JSON", "Postgres", "Redis", "Simulation", asyncHTTPClient, log]),
    library("TestRandom", path: "Tests/TestRandom"),
    library(
      "FuzzTargets", path: "Tests/Fuzz/Targets",
      ["Domain", "GatewayAPI", "GatewayPolicy", "JSON", "Wire"]),
    tests("FuzzTests", ["FuzzTargets"]),
    tests("DomainTests", ["Domain", "TestRandom"]),
    tests("AdmissionTests", ["Admission", "TestRandom"]),
    tests("BytesTests", ["Bytes", "TestRandom"]),
    tests("JSONTests", ["JSON", "TestRandom"]),
    tests("WireTests", ["Domain", "TestRandom", "Wire"], resources: [.copy("Golden")]),
    tests("MessagingTests", ["Domain", "Messaging", "Threads", "Wire"]),
    tests(
      "StoreTests",
      [
        "Changes", "Domain", "Feedback", "Fleet", "GatewayHistory", "JSON", "Postgres", "Redis",
        "Settings", "Trust", "Wire", lifecycle, log,
      ]),
    tests("TelemetryTests", ["Telemetry", metrics]),
    tests("SettingsTests", ["Admission", "CLinux", "Settings"]),
    tests("ScalingTests", ["Scaling"]),
    tests("SupervisionTests", ["Supervision", lifecycle, log]),
    tests("IndexTests", ["Domain", "Index", "TestRandom"]),
    tests("TrustTests", ["Domain", "Trust"]),
    tests("SpreadTests", ["Domain", "Index", "Spread", "TestRandom"]),
    tests("AttackLabTests", ["Domain", "Index", "TestRandom", "Trust"]),
    tests(
      "IndexBenchmarkTests",
      ["Domain", "Fleet", "Index", "IndexBenchmark", "JSON", "Postgres", "TestSupport"]),
    tests(
      "PathBenchmarkTests",
      ["Fleet", "GatewayAPI", "JSON", "PathBenchmark", nioCore, nioHTTP1, nioPosix]),
    tests(
      "GatewayTests",
      [
        "Domain", "GatewayAPI", "GatewayPolicy", "GatewayServices", "JSON", "MatchText",
        "Messaging", "Postgres", "ScorerClient", "Threads", "Wire", crypto, lifecycle, log,
      ]),
    tests(
      "OnePortTests",
      [
        "OnePort", hummingbird, hummingbirdCore, lifecycle, log, nioCore, nioEmbedded, nioHTTP1,
        nioPosix, nioWebSocket,
      ]),
    tests("FleetTests", ["Domain", "Fleet", "JSON", "Simulation", "TestSupport"]),
    tests("ChaosTests", ["Chaos", "Domain", "JSON", "Trust", nioCore, nioPosix]),
    tests(
      "IntegrationTests",
      [
        "Domain", "Fleet", "GatewayPolicy", "JSON", "Messaging", "Postgres", "Redis", "Settings",
        "Simulation", "Telemetry",
        "TestRandom", "TestSupport", "Threads", "Wire", asyncHTTPClient, nioCore, nioPosix,
      ]),

    // Benchmarks' floor: the bare framework, answering a constant.
    .executableTarget(
      name: "bare-hummingbird", dependencies: [hummingbird, argumentParser],
      path: "Tests/Benchmarks/BareHummingbird", swiftSettings: strict),
    // And NIO's own HTTP/1.
    .executableTarget(
      name: "bare-nio",
      dependencies: [nioCore, nioHTTP1, nioPosix, argumentParser],
      path: "Tests/Benchmarks/BareNIO", swiftSettings: strict),
    // And ZeroMQ between two processes.
    .executableTarget(
      name: "bare-zeromq", dependencies: ["CBenchmark", "CLinux", "CZeroMQ", argumentParser],
      path: "Tests/Benchmarks/BareZeroMQ", swiftSettings: strict),
    // And NIO's own WebSockets, sending back what they get.
    .executableTarget(
      name: "bare-websocket-echo",
      dependencies: [nioCore, nioHTTP1, nioPosix, nioWebSocket, argumentParser],
      path: "Tests/Benchmarks/BareWebSocketEcho", swiftSettings: strict),
  ],
  cLanguageStandard: .c2x
)

// A sanitizer's build is a whole one, of all dependencies too: `make sanitize` builds the tests of the C
// bridges, of messaging and of what is pure, and what they need, which is neither NIO nor Hummingbird.
if Context.environment["POOLHUB_SANITIZED"] != nil {
  var kept: Set<String> = []
  func keep(_ name: String) {
    guard kept.insert(name).inserted else { return }
    let dependencies = package.targets.first { $0.name == name }?.dependencies ?? []
    for case .byNameItem(let needed, _) in dependencies { keep(needed) }
  }
  [
    "BytesTests", "DomainTests", "JSONTests", "WireTests", "FuzzTests", "MessagingTests",
    "StoreTests", "IndexTests", "TrustTests", "GatewayTests",
  ].forEach(keep)
  package.targets.removeAll { !kept.contains($0.name) }
  package.products = []
}
