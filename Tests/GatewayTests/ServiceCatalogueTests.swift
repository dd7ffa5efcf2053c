import Foundation
import GatewayServices
import JSON
import Testing

@Suite("The catalogue of services")
struct ServiceCatalogueTests {
  private static func catalogue(_ file: String) throws -> ServiceCatalogue {
    try ServiceCatalogue(extendedBy: Array(file.utf8))
  }

  /// A file with one type, with these members in place of good ones, or beside them.
  private static func file(_ members: String) throws -> String {
    let good = #"""
      {"title": "Render", "pricing_fields": [{"name": "price_token_per_ksec", "title": "Price",
      "unit": "tokens per 1,000 s"}], "template": {}}
      """#
    // Of two members with one name the later counts.
    return #"{"types": {"render": \#(good.dropLast()), \#(members)}}}"#
  }

  @Test("The built-in one has the five types, in order, each with its fields")
  func builtIn() throws {
    let catalogue = try ServiceCatalogue()
    #expect(
      catalogue.types.map(\.name)
        == ["blender", "ffmpeg", "llm_inference", "stable_diffusion", "whisper"])
    for type in catalogue.types {
      #expect(type.priceField == "price_token_per_ksec")
      #expect(type.pricingFields.count == 2 && !type.configFields.isEmpty && !type.rules.isEmpty)
      #expect(type.template.enabled && !type.template.capabilities.isEmpty)
    }
    #expect(catalogue.type("nope") == nil)
    #expect(try Self.catalogue("{}") == catalogue)
  }

  @Test("A file adds types, replaces them and takes them away")
  func extended() throws {
    let catalogue = try Self.catalogue(
      #"""
      {"vendors": {"amd": {"title": "an AMD GPU", "accel": ["ROCm"], "names": ["Radeon"]}},
      "rules": [{"level": "warning", "message": "m", "need": {"component": "gpu_count", "at_least": 2}}],
      "types": {"blender": null, "ffmpeg": {"title": "Own", "price_field": "per_hour",
        "pricing_fields": [{"name": "per_hour", "title": "Price", "unit": "tokens per hour"}],
        "template": {"max_concurrent": 3}, "rules": [{"level": "error", "message": "n",
          "when": [{"fields": ["config.x"], "at_least": 3}],
          "need": {"component": "gpu_vendor", "is": "amd"}}]},
      "tts": {"title": "Speech", "pricing_fields": [{"name": "price_token_per_ksec", "title": "P",
        "unit": "u"}], "template": {"enabled": true, "pricing": {"price_token_per_ksec": "0.5"}}}}}
      """#)
    #expect(
      catalogue.types.map(\.name)
        == ["ffmpeg", "llm_inference", "stable_diffusion", "tts", "whisper"])
    let ffmpeg = try #require(catalogue.type("ffmpeg"))
    #expect(ffmpeg.title == "Own" && ffmpeg.template.maxConcurrent == 3)
    // Those for all types, and its own.
    #expect(ffmpeg.rules.map(\.message).suffix(2) == ["m", "n"])
    #expect(catalogue.type("whisper")?.rules.contains { $0.message == "m" } == true)
    let body = try RequestReading.object(
      #"{"pricing": {"per_hour": 2.5, "price_token_per_ksec": 9}}"#)
    #expect(
      try ServiceRequest(body, of: ffmpeg).configuration(of: ffmpeg).price?.description == "2.5")
  }

  @Test("The file that README.md shows is a good one")
  func readme() throws {
    let root = URL(filePath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
    let file = try #require(text.firstMatch(of: /```json\n((?:.|\n)*?)```/)?.1)
    let catalogue = try Self.catalogue(String(file))
    let type = try #require(catalogue.type("text_to_speech"))
    #expect(catalogue.type("blender") == nil && type.template.maxConcurrent == 2)
    #expect(type.rules.contains { $0.message == "more than one voice needs 6 GB" })
  }

  @Test(
    "What is wrong in a file is told in one line, with its place",
    arguments: [
      ("", "is not JSON: the text ends too early in line 1"),
      ("{\n\n  \"types\": {,}}", "is not JSON: an unexpected character in line 3"),
      ("[]", "is not a JSON object"),
      (#"{"typs": {}}"#, "is wrong at typs: typs is none of vendors, rules, types"),
      (#"{"types": []}"#, "is wrong at types: types must be an object"),
      (
        #"{"types": {"Render": {}}}"#,
        "is wrong at types.Render: a type's name must be 1 to 64 of a-z 0-9 _ - and no word of the paths"
      ),
      (
        #"{"types": {"templates": {}}}"#,
        "is wrong at types.templates: a type's name must be 1 to 64 of a-z 0-9 _ - and no word of the paths"
      ),
      (
        #"{"types": {"render": {}}}"#,
        "is wrong at types.render.title: title is required (and 2 more)"
      ),
      (
        #"{"rules": [{"level": "bad", "message": "m", "need": {"component": "gpu"}}]}"#,
        "is wrong at rules[0].level: level must be one of error, warning"
      ),
    ])
  func wrongFile(_ file: String, _ fault: String) {
    let thrown = #expect(throws: ServiceCatalogue.Fault.self) { try Self.catalogue(file) }
    #expect(thrown?.description == fault)
  }

  @Test(
    "What is wrong in a type is told with its place",
    arguments: [
      (#""titel": "x""#, "titel"), (#""title": 7"#, "title"), (#""template": null"#, "template"),
      (#""price_field": "per_hour""#, "pricing_fields"),
      (#""pricing_fields": [{"name": "x"}]"#, "pricing_fields[0].title"),
      (#""config_fields": [{"name": "x", "title": "X", "kind": "size"}]"#, "config_fields[0].kind"),
      (
        #""config_fields": [{"name": "x", "title": "X", "kind": "number", "min": 2, "max": 1}]"#,
        "config_fields[0].max"
      ),
      (
        #""config_fields": [{"name": "x", "title": "X", "kind": "text", "max": 1}]"#,
        "config_fields[0].min"
      ),
      (#""model_fields": ["models"]"#, "model_fields"),
      (#""models": [{"name": "m"}]"#, "models[0].vram_gb"),
      (#""models": [{"name": "m", "vram_gb": -1}]"#, "models[0].vram_gb"),
      (
        #""model_sizes": [{"parameters_b": 2, "vram_gb": 1}, {"parameters_b": 1, "vram_gb": 2}]"#,
        "model_sizes"
      ),
      (#""template": {"max_concurrent": 11}"#, "template.max_concurrent"),
      (
        #""template": {"pricing": {"price_token_per_ksec": "x"}}"#,
        "template.pricing.price_token_per_ksec"
      ),
      (
        #""config_fields": [{"name": "n", "title": "N", "kind": "integer"}], "template": {"config": {"n": 1.5}}"#,
        "template.config.n"
      ),
      (#""rules": {}"#, "rules"), (#""rules": [7]"#, "rules[0]"),
      (#""rules": [{"level": "error", "message": "m"}]"#, "rules[0].need"),
      (
        #""rules": [{"level": "error", "message": "m", "need": {"component": "luck"}}]"#,
        "rules[0].need.component"
      ),
      (
        #""rules": [{"level": "error", "message": "m", "need": {"component": "ram_gb"}}]"#,
        "rules[0].need.at_least"
      ),
      (
        #""rules": [{"level": "error", "message": "m", "need": {"component": "gpu_vendor", "is": "x"}}]"#,
        "rules[0].need.is"
      ),
      (
        #""rules": [{"level": "error", "message": "m", "need": {"component": "gpu"}, "when": [{"fields": ["x"], "set": true}]}]"#,
        "rules[0].when[0].fields"
      ),
      (
        #""rules": [{"level": "error", "message": "m", "need": {"component": "gpu"}, "when": [{"fields": ["config.x"]}]}]"#,
        "rules[0].when[0]."
      ),
    ])
  func wrongType(_ members: String, _ place: String) throws {
    let file = try Self.file(members)
    let thrown = #expect(throws: ServiceCatalogue.Fault.self) { try Self.catalogue(file) }
    let description = thrown?.description ?? ""
    #expect(description.hasPrefix("is wrong at types.render.\(place): "), "\(description)")
    #expect(!description.contains("\n"))
  }

  @Test("A good type is good")
  func goodType() throws {
    #expect(
      try Self.catalogue(try Self.file(#""description": "d""#)).type("render")?.details == "d")
  }
}

@Suite("A service's request")
struct ServiceRequestTests {
  private static func patched(_ config: String, _ patch: String) throws -> String {
    let type = try #require(try ServiceCatalogue().type("blender"))
    let body = try RequestReading.object("{\"config\": \(config)}")
    let held = try ServiceRequest(body, of: type).configuration(of: type)
    let object = try RequestReading.object("{\"config\": \(patch)}")
    return try ServiceRequest(patching: held, with: object, of: type).configuration(of: type).config
  }

  @Test(
    "PATCH merges what it names into what is there",
    arguments: [
      (#"{"a":1}"#, #"{"b":2}"#, #"{"a":1,"b":2}"#),
      (#"{"a":1,"b":2}"#, #"{"a":null}"#, #"{"b":2}"#),
      (#"{"a":{"x":1,"y":2}}"#, #"{"a":{"y":null,"z":3}}"#, #"{"a":{"x":1,"z":3}}"#),
      (#"{"a":[1,2]}"#, #"{"a":[3]}"#, #"{"a":[3]}"#),
      (#"{"a":1}"#, #"{"a":{"b":null,"c":1}}"#, #"{"a":{"c":1}}"#),
      (#"{"a":1.50}"#, "{}", #"{"a":1.50}"#), (#"{"a":1}"#, #"{"c":null}"#, #"{"a":1}"#),
      ("{}", #"{"é":1,"e\u0301":2}"#, "{\"é\":1,\"e\u{301}\":2}"),
      (#"{"a":1,"a":2}"#, "{}", #"{"a":2}"#),
    ])
  func merge(_ config: String, _ patch: String, _ expected: String) throws {
    let merged = try Self.patched(config, patch)
    #expect(merged.utf8.elementsEqual(expected.utf8), "\(merged)")
  }

  @Test(
    "If-Match fits what is there, or nothing",
    arguments: [
      (nil, nil, true), (nil, 3, true), ("\"3\"", 3, true), ("\"0\"", nil, true),
      ("\"1\", \"3\"", 3, true), (" \"3\" ", 3, true), ("*", 3, true), ("*", nil, false),
      ("\"3\"", 4, false), ("\"3\"", nil, false), ("\"0\"", 3, false), ("W/\"3\"", 3, false),
      ("3", 3, false), ("", 3, false), (",", nil, false),
    ] as [(String?, Int64?, Bool)])
  func ifMatch(_ header: String?, _ version: Int64?, _ fits: Bool) {
    #expect(ServiceTag.fits(header, version) == fits)
  }
}
