/// TLS in the gateway itself.
package struct TLSSettings: Sendable {
  package enum Clients: String, CaseIterable, Sendable { case optional, required }

  /// POOLHUB_TLS_CERTIFICATE: a PEM file, the server's certificate first, then those up to the root.
  package var certificate: String
  /// POOLHUB_TLS_KEY: a PEM file.
  package var key: String
  /// POOLHUB_TLS_CLIENT_CA: a PEM file of those who sign clients' certificates; nil: none are asked for.
  package var clientCA: String?
  /// POOLHUB_TLS_CLIENTS=optional|required
  package var clients: Clients

  /// - Returns: nil where there is to be none.
  static func read(_ reader: SettingsReader) throws(SettingsError) -> TLSSettings? {
    let files = ["POOLHUB_TLS_CERTIFICATE", "POOLHUB_TLS_KEY"]
    let (certificate, key) = (reader.text(files[0]), reader.text(files[1]))
    let clientCA = reader.text("POOLHUB_TLS_CLIENT_CA")
    let clients = try reader.choice("POOLHUB_TLS_CLIENTS", default: Clients.optional)
    if let certificate, let key {
      if clients == .required && clientCA == nil {
        throw SettingsError(
          key: "POOLHUB_TLS_CLIENTS", fault: "is required and nobody signs their certificates",
          mend: "name a file of certificates in POOLHUB_TLS_CLIENT_CA")
      }
      return TLSSettings(certificate: certificate, key: key, clientCA: clientCA, clients: clients)
    }
    if certificate == nil && key == nil && clientCA == nil { return nil }
    let missing = certificate == nil ? files[0] : files[1]
    throw SettingsError(
      key: missing, fault: "is missing", mend: "TLS needs both \(files[0]) and \(files[1])")
  }
}
