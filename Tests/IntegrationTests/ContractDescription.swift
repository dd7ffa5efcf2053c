import Foundation
import Simulation
import Testing

/// openapi.yaml as far as paths, methods and statuses go. Every answer that a test of the contract gets
/// is looked up in it.
struct ContractDescription: Sendable {
  /// The one that stands at the project's top.
  static let project = ContractDescription(
    (try? String(contentsOfFile: "\(PythonRun.root)/openapi.yaml", encoding: .utf8)) ?? "")

  private var operations: [(segments: [String], method: String, statuses: Set<String>)] = []

  /// Reads the project's own way of writing: paths two spaces in, methods four, statuses eight.
  init(_ yaml: String) {
    var path = ""
    for line in yaml.split(separator: "\n").drop(while: { $0 != "paths:" }) {
      if line.first != " " && line != "paths:" { break }
      let indent = line.prefix { $0 == " " }.count
      let word = line.dropFirst(indent).prefix { $0 != ":" }
      switch indent {
      case 2 where word.hasPrefix("/"): path = String(word)
      case 4 where word != "parameters":
        operations.append((Self.segments(path), word.uppercased(), []))
      case 8 where word.hasPrefix("\"") && !operations.isEmpty:
        operations[operations.count - 1].statuses.insert(word.filter(\.isNumber))
      default: break
      }
    }
  }

  var operationCount: Int { operations.count }

  /// `GET /v1/services/{type}` and all the others.
  var names: [String] {
    operations.map { "\($0.method) /\($0.segments.joined(separator: "/"))" }
  }

  /// The one of `names` that a request is answered by; nil when it is nowhere described.
  func name(_ method: String, _ path: String) -> String? {
    operation(method, path).map { "\($0.method) /\($0.segments.joined(separator: "/"))" }
  }

  /// What an answer has that the description doesn't tell of; nil when it is described.
  ///
  /// 404 and 405 are also the answers where there is no such path or method at all.
  func fault(_ method: String, _ path: String, status: Int) -> String? {
    let operation = operation(method, path)
    guard let operation else {
      return [404, 405].contains(status) ? nil : "\(method) \(path) is nowhere described"
    }
    let isDescribed =
      operation.statuses.contains("\(status)") || (method == "HEAD" && status == 405)
    return isDescribed ? nil : "\(method) \(path) answered \(status), which is not described"
  }

  private func operation(
    _ method: String, _ path: String
  ) -> (segments: [String], method: String, statuses: Set<String>)? {
    let segments = Self.segments(String(path.prefix { $0 != "?" }))
    let fitting = operations.filter { operation in
      operation.method == (method == "HEAD" ? "GET" : method)
        && operation.segments.count == segments.count
        && zip(operation.segments, segments).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
    // A path without a parameter is meant before one with.
    return fitting.min { left, right in
      left.segments.count { $0.hasPrefix("{") } < right.segments.count { $0.hasPrefix("{") }
    }
  }

  private static func segments(_ path: String) -> [String] {
    path.split(separator: "/").map(String.init)
  }
}

@Suite("The description that answers are looked up in") struct ContractDescriptionTests {
  @Test("It reads openapi.yaml, and tells what isn't there")
  func reads() {
    let project = ContractDescription.project
    #expect(project.operationCount > 30)
    #expect(project.fault("POST", "/v1/match", status: 200) == nil)
    #expect(project.fault("HEAD", "/v1/health/", status: 200) == nil)
    #expect(project.fault("PUT", "/v1/miners/any/price-override?x=1", status: 404) == nil)
    #expect(project.fault("GET", "/nowhere", status: 404) == nil)
    #expect(project.fault("POST", "/v1/match", status: 418) != nil)
    #expect(project.fault("GET", "/nowhere", status: 200) != nil)
  }
}
