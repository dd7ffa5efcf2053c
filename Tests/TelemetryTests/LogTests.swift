import Foundation
import Logging
import Synchronization
import Testing

@testable import Telemetry

@Suite("Log lines")
struct LogTests {
  /// Keeps what a handler writes.
  private final class Lines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }

    func logger(
      _ format: LogFormat, level: Logger.Level = .info, metadata: Logger.Metadata = [:]
    ) -> Logger {
      Logger(label: "gateway") { label in
        LineLogHandler(
          label: label, logLevel: level, format: format, metadata: metadata,
          write: { line in self.lines.withLock { $0.append(line) } })
      }
    }
  }

  private struct Failure: Error, CustomStringConvertible {
    var description: String { "broken \"pipe\"" }
  }

  private static let awkward = "quote \" slash \\ line\nreturn\r tab\t nul\0 bell\u{7} é 😀 \u{2028}"

  private func line(_ message: String, _ metadata: Logger.Metadata) -> LogLine {
    LogLine(
      time: LogTime(seconds: 1_700_000_000, milliseconds: 7), level: .warning, logger: "gateway",
      message: message, metadata: metadata)
  }

  @Test("The text form is one line, with values quoted where their end couldn't be seen")
  func text() {
    let line = line("Scorer left", ["id": "s-1", "reason": "no beat", "empty": "", "a": "x=1"])
    #expect(
      line.text(.text)
        == "2023-11-14T22:13:20.007Z WARNING gateway: Scorer left"
        + #" a="x=1" empty="" id=s-1 reason="no beat""#)
    let awkward = self.line("two\nlines", ["key": "\(Self.awkward)"]).text(.text)
    #expect(!awkward.contains { $0.isNewline })
  }

  @Test("The JSON form is an object that a JSON parser reads back unchanged")
  func json() throws {
    let line = line(
      Self.awkward,
      [
        "text": "\(Self.awkward)", "count": .stringConvertible(3), "list": ["a", "\"b\""],
        "nested": ["in\"ner": ["x": "y"]],
      ]
    ).text(.json)
    #expect(!line.contains { $0.isNewline })
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    #expect(object["time"] as? String == "2023-11-14T22:13:20.007Z")
    #expect(object["level"] as? String == "warning")
    #expect(object["logger"] as? String == "gateway")
    #expect(object["message"] as? String == Self.awkward)
    let metadata = try #require(object["metadata"] as? [String: Any])
    #expect(metadata["text"] as? String == Self.awkward)
    #expect(metadata["count"] as? String == "3")
    #expect(metadata["list"] as? [String] == ["a", "\"b\""])
    #expect(metadata["nested"] as? [String: [String: String]] == ["in\"ner": ["x": "y"]])
  }

  @Test("A logger writes what its level lets through, metadata merged from all sides")
  func merging() throws {
    let lines = Lines()
    var logger = lines.logger(.text, metadata: ["instance": "g1", "shared": "handler"])
    logger[metadataKey: "shared"] = "logger"
    logger.debug("Unseen")
    logger.info("Seen", metadata: ["shared": "call"])
    logger.error("Failed", error: Failure())
    #expect(lines.all.count == 2)
    #expect(lines.all[0].hasSuffix(" INFO gateway: Seen instance=g1 shared=call\n"))
    #expect(lines.all[1].contains(#"error="broken \"pipe\"""#))
  }

  @Test("A time is written in UTC with milliseconds")
  func time() {
    #expect(LogTime(seconds: 0, milliseconds: 0).text == "1970-01-01T00:00:00.000Z")
    #expect(LogTime(seconds: 1_709_251_199, milliseconds: 999).text == "2024-02-29T23:59:59.999Z")
  }

  @Test("what comes too often is said at once, then every ten seconds with how often it came")
  func sparse() {
    var count = SparseCount()
    #expect(count.add(0, now: 0) == nil)
    #expect(count.add(2, now: 1) == 2)
    #expect(count.add(3, now: 2) == nil)
    #expect(count.add(4, now: 10_000_000) == nil)
    #expect(count.add(0, now: 10_000_001) == 7)
    #expect(count.add(0, now: 30_000_000) == nil)
    #expect(count.add(1, now: 30_000_000) == 1)
  }
}
