import Domain

extension Timestamp {
  /// Reads RFC 3339's `date-time`, with any number of places after the second (those past milliseconds
  /// are dropped) and `Z` or an offset. nil for anything else, also for days that don't exist.
  package init?(rfc3339 text: String) {
    var reader = TimeReader(text)
    guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2),
      reader.take("-"), let day = reader.digits(2), reader.take("T"),
      let hour = reader.digits(2), hour < 24, reader.take(":"),
      let minute = reader.digits(2), minute < 60, reader.take(":"),
      let second = reader.digits(2), second < 60,
      let fraction = reader.fraction(), let offset = reader.offsetMinutes(), reader.isAtEnd,
      (1...12).contains(month), day >= 1
    else { return nil }
    let date = CivilDate(year: year, month: month, day: day)
    guard CivilDate(daysSinceEpoch: date.daysSinceEpoch) == date else { return nil }
    let minutes = date.daysSinceEpoch * 1_440 + hour * 60 + minute - offset
    self.init(milliseconds: Int64((minutes * 60 + second) * 1_000 + fraction))
  }

  /// RFC 3339 in UTC with milliseconds: `2030-01-31T12:00:00.000Z`. Years that it cannot write are held
  /// at 0000 and 9999.
  package var rfc3339: String {
    let writable: ClosedRange<Int64> = -62_167_219_200_000...253_402_300_799_999
    let held = Int(min(max(milliseconds, writable.lowerBound), writable.upperBound))
    let (quotient, remainder) = held.quotientAndRemainder(dividingBy: 86_400_000)
    let days = remainder < 0 ? quotient - 1 : quotient
    let rest = held - days * 86_400_000
    let date = CivilDate(daysSinceEpoch: days)
    return Self.padded(date.year, 4) + "-" + Self.padded(date.month, 2) + "-"
      + Self.padded(date.day, 2) + "T" + Self.padded(rest / 3_600_000, 2) + ":"
      + Self.padded(rest / 60_000 % 60, 2) + ":" + Self.padded(rest / 1_000 % 60, 2) + "."
      + Self.padded(rest % 1_000, 3) + "Z"
  }

  static func padded(_ number: Int, _ count: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: count - digits.count) + digits
  }
}

/// A day of the Gregorian calendar, continued backwards. Both conversions are Howard Hinnant's
/// (https://howardhinnant.github.io/date_algorithms.html): years begin in March, eras have 400 of them.
struct CivilDate: Equatable {
  var year: Int
  var month: Int
  var day: Int

  init(year: Int, month: Int, day: Int) {
    self.year = year
    self.month = month
    self.day = day
  }

  init(daysSinceEpoch: Int) {
    let shifted = daysSinceEpoch + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  }

  var daysSinceEpoch: Int {
    let marchYear = month <= 2 ? year - 1 : year
    let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
    let yearOfEra = marchYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }
}

/// Takes a time's text apart from its front.
private struct TimeReader {
  private var rest: ArraySlice<UInt8>

  init(_ text: String) { rest = Array(text.utf8)[...] }

  var isAtEnd: Bool { rest.isEmpty }

  /// `mark`, a letter in either case.
  mutating func take(_ mark: Character) -> Bool {
    guard let first = rest.first, Character(Unicode.Scalar(first)).uppercased() == String(mark)
    else { return false }
    rest = rest.dropFirst()
    return true
  }

  /// Exactly `count` digits.
  mutating func digits(_ count: Int) -> Int? {
    let taken = rest.prefix(count)
    guard taken.count == count, taken.allSatisfy(Self.isDigit) else { return nil }
    rest = rest.dropFirst(count)
    return taken.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  /// Milliseconds; 0 when no fraction is there, nil when one begins and has no digit.
  mutating func fraction() -> Int? {
    guard take(".") else { return 0 }
    let taken = rest.prefix(while: Self.isDigit)
    rest = rest.dropFirst(taken.count)
    if taken.isEmpty { return nil }
    let places = Array(taken.prefix(3)) + Array(repeating: UInt8(ascii: "0"), count: 3)
    return places.prefix(3).reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  /// East of UTC.
  mutating func offsetMinutes() -> Int? {
    if take("Z") { return 0 }
    let sign = take("+") ? 1 : take("-") ? -1 : 0
    guard sign != 0, let hours = digits(2), hours < 24, take(":"), let minutes = digits(2),
      minutes < 60
    else { return nil }
    return sign * (hours * 60 + minutes)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}
