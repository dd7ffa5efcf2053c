import Domain
import GatewayAPI
import JSON
import Testing

@Suite("Register requests")
struct RequestRegisterTests {
  static func read(_ json: String) throws -> RegisterRequest {
    try RegisterRequest(RequestReading.object(json))
  }

  /// A body with just what is required, and `more`.
  static func body(_ more: String) -> String {
    #"{"miner_id":"m-1","api_key":"sixteen-bytes-ok""# + (more.isEmpty ? "}" : ",\(more)}")
  }

  @Test("everything that a miner may say is read")
  func full() throws {
    let request = try Self.read(
      #"""
      {"miner_id":"a.B_c:9-","api_key":"0123456789abcdef","addr":"10.1.2.3:9000","proto":"grpcs",
       "gpu_vram_gb":24.5,"gpu_name":"RTX 4090","gpu_count":2,"cpu_cores":32,"ram_gb":128,
       "price_token_per_ksec":0.25,"max_parallel":4,"accel":["CUDA","cuda","Rocm"],
       "tags":["SSD","größe"],"capabilities":["fp16"],"region":"EU-West","wallet_address":"0xabc",
       "chain_id":"137","manifest":{"later":true},"unknown":[null]}
      """#)
    #expect(request.minerID.text == "a.B_c:9-")
    #expect(request.apiKey == "0123456789abcdef")
    var profile = MinerProfile()
    request.profile.apply(to: &profile)
    #expect(profile.addr == "10.1.2.3:9000")
    #expect(profile.proto == .grpcs)
    #expect(profile.gpuVRAMGB == 24.5 && profile.ramGB == 128)
    #expect(profile.gpuName == "RTX 4090" && profile.gpuCount == 2 && profile.cpuCores == 32)
    #expect(profile.price == Price(units: 25_000_000))
    #expect(profile.maxParallel == 4)
    #expect(profile.accel == ["cuda", "rocm"])
    #expect(profile.tags == ["SSD", "größe"], "only accel and region lose their case")
    #expect(profile.capabilities == ["fp16"])
    #expect(profile.region == "eu-west")
    #expect(profile.walletAddress == "0xabc" && profile.chainID == "137")
  }

  @Test("an id and a key are enough, and leave every default as it is")
  func minimal() throws {
    let request = try Self.read(Self.body(""))
    #expect(request.profile.isEmpty)
    var profile = MinerProfile()
    request.profile.apply(to: &profile)
    #expect(profile == MinerProfile())
    #expect(profile.maxParallel == 1 && profile.region == "" && profile.gpuVRAMGB == 0)
  }

  @Test("fields that are null are as good as left out")
  func nulls() throws {
    let names = [
      "addr", "proto", "gpu_vram_gb", "gpu_vram", "gpu_name", "gpu_count", "cpu_cores", "ram_gb",
      "price_token_per_ksec", "base_price", "max_parallel", "accel", "tags", "capabilities",
      "region",
      "wallet_address", "chain_id",
    ]
    let more = names.map { "\"\($0)\":null" }.joined(separator: ",")
    #expect(try Self.read(Self.body(more)).profile.isEmpty)
  }

  @Test("both spellings of a field are read, and the newer one wins")
  func spellings() throws {
    #expect(try Self.read(Self.body(#""gpu_vram":8"#)).profile.gpuVRAMGB == 8)
    #expect(try Self.read(Self.body(#""gpu_vram":8,"gpu_vram_gb":16"#)).profile.gpuVRAMGB == 16)
    #expect(try Self.read(Self.body(#""base_price":"0.5""#)).profile.price?.units == 50_000_000)
    let both = #""base_price":1,"price_token_per_ksec":"2""#
    #expect(try Self.read(Self.body(both)).profile.price?.units == 200_000_000)
  }

  @Test(
    "a price is exact, as a number and as a string",
    arguments: [
      ("0.1", 10_000_000), ("\"0.1\"", 10_000_000), ("1.5e-3", 150_000),
      ("\"1E2\"", 10_000_000_000),
      ("0.00000001", 1), ("1000000000", 100_000_000_000_000_000), ("0", 0), ("\"-0\"", 0),
      ("123456789.12345678", 12_345_678_912_345_678),
    ] as [(String, Int64)])
  func prices(value: String, units: Int64) throws {
    let profile = try Self.read(Self.body("\"price_token_per_ksec\":\(value)")).profile
    #expect(profile.price?.units == units)
  }

  @Test(
    "tags may be a list, or a map of scalars kept as key:value",
    arguments: [
      (#"["b","a","b"]"#, ["b", "a"]),
      (
        #"{"gpu":"A100","count":8,"ssd":true,"x":false}"#,
        ["gpu:A100", "count:8", "ssd:true", "x:false"]
      ),
      (#"{"price":1.50,"big":1e3}"#, ["price:1.50", "big:1e3"]), (#"{"":""}"#, [":"]), ("{}", []),
      ("[]", []),
      (#"{"a":"b","a:b":"","a":"b"}"#, ["a:b", "a:b:"]),
    ])
  func tags(value: String, tags: [String]) throws {
    #expect(try Self.read(Self.body("\"tags\":\(value)")).profile.tags == tags)
  }

  @Test("tags that look alike and differ in bytes stay apart")
  func bytewiseTags() throws {
    for value in [#"["é","e\u0301"]"#, #"{"t":"é","t":"e\u0301"}"#] {
      #expect(try Self.read(Self.body("\"tags\":\(value)")).profile.tags?.count == 2)
    }
  }

  @Test(
    "a chain is named by a text or a number",
    arguments: [
      ("137", "137"), ("\"137\"", "137"), ("\"eip155:1\"", "eip155:1"), ("1e3", "1e3"),
      ("\"\"", ""),
    ])
  func chain(value: String, name: String) throws {
    #expect(try Self.read(Self.body("\"chain_id\":\(value)")).profile.chainID == name)
  }

  static let badFields: [BadField] =
    BadField.text("addr", over: 256) + BadField.text("gpu_name", over: 128)
    + BadField.text("region", over: 128) + BadField.text("wallet_address", over: 128)
    + BadField.number("gpu_vram_gb", above: "1000001")
    + BadField.number("gpu_vram", above: "1000001")
    + BadField.number("ram_gb", above: "1000001") + BadField.number("gpu_count", above: "1025")
    + BadField.number("cpu_cores", above: "65537") + BadField.number("max_parallel", above: "65537")
    + BadField.price("price_token_per_ksec") + BadField.price("base_price")
    + BadField.names("accel") + BadField.names("tags") + BadField.names("capabilities")
    + [
      BadField("addr", "\"a b\"", "format"), BadField("addr", "\"a\\nb\"", "format"),
      BadField("proto", "\"ftp\"", "value"), BadField("proto", "\"HTTP\"", "value"),
      BadField("proto", "1", "type"),
      BadField("gpu_count", "1.5", "type"), BadField("cpu_cores", "0.1", "type"),
      BadField("max_parallel", "0", "range"),
      BadField("max_parallel", "-1", "range"), BadField("tags", "1", "type"),
      BadField("tags", "{\"a\":null}", "type", at: "tags.a"),
      BadField("tags", "{\"a\":[1]}", "type", at: "tags.a"),
      BadField("tags", "{\"a\":{}}", "type", at: "tags.a"),
      BadField("tags", "{\"a\":\(BadField.text(127))}", "length", at: "tags.a"),
      BadField("tags", "{\"a\":\"\\u0000\"}", "format", at: "tags.a"),
      BadField(
        "tags", "{" + (0..<257).map { "\"\($0)\":1" }.joined(separator: ",") + "}", "length"),
      BadField("chain_id", "true", "type"), BadField("chain_id", "[]", "type"),
      BadField("chain_id", BadField.text(129), "length"),
      BadField("chain_id", String(repeating: "1", count: 129), "length"),
    ]

  @Test("one bad field is named, with its fault", arguments: badFields)
  func badField(_ bad: BadField) throws {
    let body = Self.body("\"\(bad.field)\":\(bad.value)")
    #expect(try RequestReading.faults(body) { _ = try RegisterRequest($0) } == [bad.fault])
  }

  @Test(
    "the id and the key are looked at as closely",
    arguments: [
      ("{}", ["miner_id required", "api_key required"]),
      (#"{"miner_id":null,"api_key":null}"#, ["miner_id required", "api_key required"]),
      (#"{"miner_id":7,"api_key":8}"#, ["miner_id type", "api_key type"]),
      (#"{"miner_id":"","api_key":""}"#, ["miner_id format", "api_key length"]),
      (#"{"miner_id":"a/b","api_key":"fifteen-bytes-x"}"#, ["miner_id format", "api_key length"]),
      (
        #"{"miner_id":"é","api_key":"sixteen-bytes-\u0000x"}"#,
        ["miner_id format", "api_key format"]
      ),
      (
        "{\"miner_id\":\(BadField.text(65)),\"api_key\":\(BadField.text(257))}",
        ["miner_id format", "api_key length"]
      ),
    ])
  func identity(body: String, faults: [String]) throws {
    #expect(try RequestReading.faults(body) { _ = try RegisterRequest($0) } == faults)
  }

  @Test("all faults of a body are told at once")
  func several() throws {
    let faults = try RequestReading.faults(
      #"{"api_key":1,"gpu_vram":"8","max_parallel":0,"tags":{"a":null,"b":1,"c":[]},"accel":["",2]}"#
    ) { _ = try RegisterRequest($0) }
    #expect(
      faults == [
        "miner_id required", "api_key type", "gpu_vram type", "max_parallel range",
        "accel[0] length",
        "accel[1] type", "tags.a type", "tags.c type",
      ])
  }

  @Test("a patch changes what it names and nothing else")
  func patch() {
    var profile = MinerProfile()
    profile.region = "eu"
    profile.tags = ["old"]
    var patch = ProfilePatch()
    patch.tags = []
    patch.price = Price(units: 5)
    patch.apply(to: &profile)
    var expected = MinerProfile()
    expected.region = "eu"
    expected.price = Price(units: 5)
    #expect(profile == expected)
    #expect(!patch.isEmpty && ProfilePatch().isEmpty)
  }
}
