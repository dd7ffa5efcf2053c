import JSON
import PathBenchmark
import Testing

@Suite("What a run of all benchmarks found") struct FiguresTests {
  static var figures: BenchFigures {
    func served(_ rate: Double) -> BenchFigures.Served {
      .init(perSecond: rate, p50Milliseconds: 0.5, p99Milliseconds: 2)
    }
    var figures = BenchFigures()
    figures.match = [1_000: served(20_000), 100_000: served(18_000)]
    figures.floors = [.hummingbird: served(24_000), .nio: served(60_000), .nginx: served(120_000)]
    figures.postgres = [100_000: served(900)]
    figures.redis = [100_000: served(300)]
    figures.indexPerSecond = 200_000
    figures.feedback = .init(perSecond: 12_000, p99Milliseconds: 40)
    figures.scorers = [1: 18_000, 2: 18_100]
    return figures
  }

  @Test("is written in the shape that is read, with null where nothing was measured")
  func roundTrip() throws {
    let figures = Self.figures
    let json = try JSONValue.parse(Array(figures.json.utf8))
    #expect(BenchFigures(json: json) == figures)
    let names = json.object?.members.map(\.name)
    #expect(
      names == [
        "match", "floor", "postgres", "redis", "batch64_per_s", "index_per_s", "feedback",
        "scorers",
      ])
    #expect(json["match"]?["100000"]?["per_s"]?.double == 18_000)
    #expect(json["floor"]?["nginx"]?["p99_ms"]?.double == 2)
    #expect(json["batch64_per_s"]?.isNull == true)
    #expect(json["scorers"]?["2"]?.double == 18_100)
  }

  @Test("something else is no such file")
  func notFigures() throws {
    #expect(BenchFigures(json: try JSONValue.parse(Array("[]".utf8))) == nil)
  }

  @Test("ratios are those that can be told")
  func ratios() {
    let ratios = Dictionary(
      uniqueKeysWithValues: BenchRatios.of(Self.figures).map { ($0.name, $0.value) })
    #expect(ratios["match_to_hummingbird"] == 0.75)
    #expect(ratios["match_to_postgres_100000"] == 20)
    #expect(ratios["feedback_to_hummingbird"] == 0.5)
    #expect(ratios["match_100000_to_1000"] == 0.9)
    #expect(ratios["batch64_to_index"] == nil && ratios["batch64_to_match"] == nil)
    var batched = Self.figures
    batched.batch64PerSecond = 120_000
    #expect(BenchRatios.of(batched).contains { $0 == ("batch64_to_index", 0.6) })
    #expect(ratios["match_to_redis_1000"] == nil)
  }

  @Test("a ratio may fall by a third, and not by more; one that is missing is a fault")
  func faults() {
    let figures = Self.figures
    #expect(BenchRatios.faults(figures, expected: ["match_to_hummingbird": 1.12]).isEmpty)
    let fallen = BenchRatios.faults(figures, expected: ["match_to_hummingbird": 1.13])
    #expect(fallen == ["match_to_hummingbird has fallen to 0.75, from 1.13"])
    #expect(
      BenchRatios.faults(figures, expected: ["batch64_to_match": 3])
        == ["batch64_to_match was not measured"])
  }

  @Test("expected ratios are read as they are written")
  func expectedRatios() throws {
    let text = BenchRatios.text([("a", 1.25), ("b", 0.5)])
    #expect(text == "{\n  \"a\": 1.25,\n  \"b\": 0.5\n}\n")
    #expect(BenchRatios.read(try JSONValue.parse(Array(text.utf8))) == ["a": 1.25, "b": 0.5])
    #expect(BenchRatios.read(try JSONValue.parse(Array(#"{"a":"x"}"#.utf8))) == nil)
  }

  @Test("the middle, the least and the most of a few measurements")
  func spreads() throws {
    let odd = Spread([3, 1, 2])
    #expect(odd.median == 2 && odd.least == 1 && odd.most == 3)
    #expect(Spread([4, 1, 2, 3]).median == 2.5)
    var json = JSONWriter()
    odd.write(to: &json)
    #expect(Spread(try JSONValue.parse(json.bytes)) == odd)
    #expect(Spread(nil) == nil)
  }
}
