import Domain

extension Timestamp {
  private static let dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let monthNames = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// As HTTP's `Date` has it (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
  ///
  /// - Precondition: not before 1970.
  package var httpDate: String {
    let seconds = Int(milliseconds / 1_000)
    let days = seconds / 86_400
    let date = CivilDate(daysSinceEpoch: days)
    // The first of them was a Thursday.
    return Self.dayNames[(days + 4) % 7] + ", " + Self.padded(date.day, 2) + " "
      + Self.monthNames[date.month - 1] + " " + Self.padded(date.year, 4) + " "
      + Self.padded(seconds / 3_600 % 24, 2) + ":" + Self.padded(seconds / 60 % 60, 2) + ":"
      + Self.padded(seconds % 60, 2) + " GMT"
  }
}
