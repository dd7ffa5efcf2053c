import Foundation
import GatewayServices
import Settings

extension ServiceCatalogue {
  /// The built-in types with those of the operator's file, if one is set.
  ///
  /// - Throws: `SettingsError` that says what is wrong with the file.
  init(_ settings: GatewaySettings) throws {
    let key = "POOLHUB_SERVICES_FILE"
    do {
      guard let path = settings.servicesFile else {
        try self.init()
        return
      }
      guard let file = FileManager.default.contents(atPath: path) else {
        throw SettingsError(
          key: key, fault: "\(path) cannot be read",
          mend: "name a JSON file that this user may read, or leave it empty")
      }
      try self.init(extendedBy: Array(file))
    } catch let fault as Fault {
      throw SettingsError(
        key: key, fault: "\(settings.servicesFile ?? "") \(fault)",
        mend: "mend the file, or leave it empty for the built-in services")
    }
  }
}
