import Messaging
import Settings

extension Curve {
  /// A gateway's side of encrypted links; nil where they are plain.
  ///
  /// - Throws: `SettingsError` that says which key is none.
  static func gateway(_ settings: GatewaySettings) throws -> Curve? {
    guard let keys = try settings.curve?.keys({ CurveKey($0) }) else { return nil }
    return .gateway(try CurveKeyPair(secretKey: keys.secret), scorers: Set(keys.peers))
  }
}
