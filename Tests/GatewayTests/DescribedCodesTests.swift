import Foundation
import GatewayAPI
import Testing

@Suite("Problems in openapi.yaml") struct DescribedCodesTests {
  @Test("Every code of a problem stands there")
  func codes() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "openapi.yaml"), encoding: .utf8)
    let lines = Set(text.split(separator: "\n").map { $0.drop { $0 == " " } })
    for code in Problem.Code.allCases {
      #expect(lines.contains("- \(code.rawValue)"), "\(code.rawValue)")
    }
  }
}
