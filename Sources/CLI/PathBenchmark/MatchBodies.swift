import Domain
import IndexBenchmark
import JSON

/// The index benchmark's typical requests as coordinators would send them.
package enum MatchBodies {
  /// `count` of them, all different.
  package static func typical(_ count: Int, seed: UInt64) -> [[UInt8]] {
    var requests = BenchmarkRequests(seed: seed)
    return (0..<count).map { number in
      var query = requests.next(.typical).query
      query.jobID = "bench-\(number)"
      return body(of: query)
    }
  }

  /// As `typical`, in bodies of `size` each.
  package static func batches(_ count: Int, of size: Int, seed: UInt64) -> [[UInt8]] {
    let singles = typical(count * size, seed: seed)
    return (0..<count).map { number in
      let part = singles[number * size..<(number + 1) * size]
      return Array(#"{"requests":["#.utf8) + part.joined(separator: [UInt8(ascii: ",")])
        + Array("]}".utf8)
    }
  }

  private static func body(of query: MatchQuery) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.field("job_id", query.jobID)
      json.objectField("requirements") { json in
        json.field("task", "text_generation")
        json.field("min_vram_gb", query.minVRAMGB)
        json.field("capabilities_any", query.capabilitiesAny)
      }
      json.objectField("hints") { json in
        json.field("region", query.region)
        if let price = query.maxPrice { json.field("max_price", number: price.description) }
        json.field("deadline_ms", 5_000)
      }
      json.field("top_k", query.topK)
      json.field("explain", "brief")
    }
    return json.bytes
  }
}
