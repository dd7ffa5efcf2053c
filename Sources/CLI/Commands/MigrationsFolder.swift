import Fleet
import FoundationEssentials

/// Where the SQL migrations lie.
enum MigrationsFolder {
  private static let name = "migrations"

  /// Those installed with the executable, else the nearest `migrations` folder with SQL in it, upward from
  /// the executable, then from here.
  static func find() throws -> String {
    let installed = "\(OwnExecutable.directory)/../share/poolhub/\(name)"
    if holdsSQL(installed) { return installed }
    for start in [OwnExecutable.directory, FileManager.default.currentDirectoryPath] {
      var folder = start
      while true {
        let candidate = "\(folder)/\(name)"
        if holdsSQL(candidate) { return candidate }
        guard let slash = folder.lastIndex(of: "/") else { break }
        folder = String(folder[..<slash])
      }
    }
    throw CommandError("no folder named migrations was found above here; give --directory")
  }

  private static func holdsSQL(_ folder: String) -> Bool {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.contains { $0.hasSuffix(".sql") }
  }
}
