import Glibc
import Logging

/// One log event, ready to be written.
struct LogLine {
  var time: LogTime
  var level: Logger.Level
  var logger: String
  var message: String
  var metadata: Logger.Metadata

  func text(_ format: LogFormat) -> String {
    switch format {
    case .text: human
    case .json: json
    }
  }

  private var human: String {
    var line = "\(time.text) \(level.rawValue.uppercased()) \(logger): "
    line += message.utf8.contains { $0 < 0x20 } ? message.jsonText : message
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      let text = value.description
      line += " \(key.isPlain ? key : key.jsonText)=\(text.isPlain ? text : text.jsonText)"
    }
    return line
  }

  private var json: String {
    var line = "{\"time\":\"\(time.text)\",\"level\":\"\(level.rawValue)\""
    line += ",\"logger\":\(logger.jsonText),\"message\":\(message.jsonText)"
    if !metadata.isEmpty { line += ",\"metadata\":\(metadata.jsonText)" }
    return line + "}"
  }
}

/// A moment of the wall clock: seconds since 1970 and the milliseconds after them.
struct LogTime {
  var seconds: Int
  var milliseconds: Int

  static var now: LogTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return LogTime(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
  }

  /// RFC 3339 in UTC.
  var text: String {
    var moment = time_t(seconds)
    var parts = tm()
    gmtime_r(&moment, &parts)
    let date = [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)]
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec]
    return date.map { padded($0, 2) }.joined(separator: "-") + "T"
      + clock.map { padded(Int($0), 2) }.joined(separator: ":") + "." + padded(milliseconds, 3)
      + "Z"
  }

  private func padded(_ number: Int, _ width: Int) -> String {
    let digits = "\(number)"
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

extension Logger.Metadata {
  fileprivate var jsonText: String {
    let fields = sorted { $0.key < $1.key }.map { "\($0.key.jsonText):\($0.value.jsonText)" }
    return "{\(fields.joined(separator: ","))}"
  }
}

extension Logger.MetadataValue {
  fileprivate var jsonText: String {
    switch self {
    case .string(let text): text.jsonText
    case .stringConvertible(let value): "\(value)".jsonText
    case .array(let values): "[\(values.map(\.jsonText).joined(separator: ","))]"
    case .dictionary(let fields): fields.jsonText
    }
  }
}

extension String {
  /// A JSON string, quotes included (RFC 8259, section 7).
  fileprivate var jsonText: String {
    var text = "\""
    for scalar in unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{0}"..<"\u{20}", "\u{7f}", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }

  /// True where a reader can see the value's end without quotes.
  fileprivate var isPlain: Bool {
    !isEmpty
      && unicodeScalars.allSatisfy { $0 > " " && $0 != "\"" && $0 != "=" && $0 != "\u{7f}" }
  }
}
