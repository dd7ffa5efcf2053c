import Messaging
import Settings

extension Curve {
  /// A scorer's side of encrypted links; nil where they are plain.
  ///
  /// - Throws: `SettingsError` that says which key is none.
  static func scorer(_ settings: ScorerSettings) throws -> Curve? {
    guard let keys = try settings.curve?.keys({ CurveKey($0) }) else { return nil }
    let own = Dictionary(
      zip(settings.gateways, keys.peers), uniquingKeysWith: { first, _ in first })
    return .scorer(
      try CurveKeyPair(secretKey: keys.secret),
      gateways: GatewayKeys(own: own, common: keys.peers[0]))
  }
}
