import Settings
import Testing

@Suite("Settings: the stores' addresses")
struct AddressTests {
  private struct BadURL: Error, CustomStringConvertible {
    var description: String { "the port is no number" }
  }

  @Test("addresses that both stores can use are fine, and each is asked about its own")
  func good() throws {
    let common = try Environment.scorerSettings().common
    var asked: [String] = []
    try common.checkAddresses(
      database: { dsn in
        asked.append(dsn)
        return true
      }, redis: { asked.append($0) })
    #expect(asked == [common.databaseDSN, common.redisURL])
  }

  @Test("a connection string that libpq can't read is named, and not shown")
  func badDatabase() throws {
    let common = try Environment.scorerSettings(["POOLHUB_DB_DSN": "password=hush host"]).common
    let error = #expect(throws: SettingsError.self) {
      try common.checkAddresses(database: { _ in false }, redis: { _ in })
    }
    #expect(error?.key == "POOLHUB_DB_DSN")
    #expect(error?.description.contains("hush") == false)
  }

  @Test("a URL that Redis can't be reached by is named with what is wrong, and not shown")
  func badRedis() throws {
    let common = try Environment.scorerSettings(["POOLHUB_REDIS_URL": "redis://:hush@h:x"]).common
    let error = #expect(throws: SettingsError.self) {
      try common.checkAddresses(database: { _ in true }, redis: { _ in throw BadURL() })
    }
    #expect(error?.key == "POOLHUB_REDIS_URL")
    #expect(error?.fault == "cannot be used: the port is no number")
    #expect(error?.description.contains("hush") == false)
  }
}
