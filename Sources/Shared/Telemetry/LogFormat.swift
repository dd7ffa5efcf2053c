import Glibc
import Logging
import Synchronization

/// How a log line looks.
package enum LogFormat: String, CaseIterable, Sendable {
  /// One line for people: time, level, logger, message, `key=value` metadata.
  case text
  /// One JSON object a line: `time`, `level`, `logger`, `message` and, if any, `metadata`.
  case json
}

/// Sends the process's log lines to standard error. Called once, first thing.
/// - Parameter fields: metadata of every line, as the instance's name.
package func bootstrapLogging(
  level: Logger.Level, format: LogFormat, fields: Logger.Metadata = [:]
) {
  LogThreshold.level = level
  LoggingSystem.bootstrap(
    { label, provider in
      LineLogHandler(
        label: label, logLevel: nil, format: format, metadata: fields,
        metadataProvider: provider, write: LineLogHandler.writeToStandardError)
    }, metadataProvider: nil)
}

/// The level from which the process's lines are written. It may change while it runs.
package enum LogThreshold {
  private static let place = Atomic<Int>(0)

  package static var level: Logger.Level {
    get { Logger.Level.allCases[place.load(ordering: .relaxed)] }
    set { place.store(Logger.Level.allCases.firstIndex(of: newValue)!, ordering: .relaxed) }
  }
}

/// Writes each event as one line, in one piece, so that threads' lines don't mix.
package struct LineLogHandler: LogHandler {
  package let label: String
  package var logLevel: Logger.Level {
    get { ownLevel ?? LogThreshold.level }
    set { ownLevel = newValue }
  }
  package var metadata: Logger.Metadata
  package var metadataProvider: Logger.MetadataProvider?
  private var ownLevel: Logger.Level?
  private let format: LogFormat
  private let write: @Sendable (String) -> Void

  /// - Parameters:
  ///   - logLevel: nil: the process's, as it changes.
  ///   - write: takes a line with its line feed.
  package init(
    label: String, logLevel: Logger.Level?, format: LogFormat, metadata: Logger.Metadata = [:],
    metadataProvider: Logger.MetadataProvider? = nil, write: @escaping @Sendable (String) -> Void
  ) {
    self.label = label
    ownLevel = logLevel
    self.format = format
    self.metadata = metadata
    self.metadataProvider = metadataProvider
    self.write = write
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var fields = metadata
    if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
    if let given = event.metadata { fields.merge(given) { $1 } }
    if let error = event.error, fields["error"] == nil { fields["error"] = "\(error)" }
    let line = LogLine(
      time: .now, level: event.level, logger: label, message: event.message.description,
      metadata: fields)
    write(line.text(format) + "\n")
  }

  static let writeToStandardError: @Sendable (String) -> Void = { line in
    var line = line
    line.withUTF8 { bytes in
      guard let start = bytes.baseAddress else { return }
      var written = 0
      while written < bytes.count {
        let count = Glibc.write(STDERR_FILENO, start + written, bytes.count - written)
        if count < 0 && errno == EINTR { continue }
        // A log that can't be written has nowhere to say so.
        if count <= 0 { return }
        written += count
      }
    }
  }
}
