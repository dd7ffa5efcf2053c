import CPostgreSQL

/// Connection strings, before anybody connects.
package enum PostgresDSN {
  /// Whether libpq can read `dsn`: `name=value` pairs of names that it knows, or a `postgresql://` URI.
  package static func isWellFormed(_ dsn: String) -> Bool {
    // What libpq says of a fault may hold the password, so nobody is told.
    guard let options = PQconninfoParse(dsn, nil) else { return false }
    PQconninfoFree(options)
    return true
  }
}
