import GatewayTransport
import Logging
import ServiceLifecycle
import Settings
import Telemetry

/// Reads certificates anew when their files change, and when told.
struct TLSReloader: Service {
  /// How often files are looked at.
  static let interval = Duration.seconds(2)

  let identity: TLSIdentity
  let settings: TLSSettings
  let registry: PrometheusRegistry
  let logger: Logger

  func run() async throws {
    registry.onRender { [registry, identity] in
      registry.gauge(.tlsCertificateExpiry).set(Double(identity.expires))
    }
    await cancelWhenGracefulShutdown {
      while (try? await Task.sleep(for: Self.interval)) != nil {
        // What is wrong was logged, and the former certificates stay.
        if self.identity.isOutdated { try? self.reload() }
      }
    }
  }

  /// - Throws: which file is at fault; the former certificate stays in use.
  func reload() throws(SettingsError) {
    do throws(TLSFault) {
      try identity.reload()
      registry.counter(.tlsReloads, [("outcome", "ok")]).increment()
      logger.notice("TLS certificates were read anew", metadata: ["expires": "\(identity.expires)"])
    } catch {
      registry.counter(.tlsReloads, [("outcome", "failed")]).increment()
      logger.error("TLS certificates could not be read anew", metadata: ["fault": "\(error)"])
      throw SettingsError(error, settings)
    }
  }
}

extension TLSIdentity {
  convenience init(_ settings: TLSSettings) throws(SettingsError) {
    do throws(TLSFault) {
      try self.init(
        TLSFiles(
          certificate: settings.certificate, key: settings.key, clientCA: settings.clientCA,
          clients: settings.clients == .required ? .required : .optional))
    } catch {
      throw SettingsError(error, settings)
    }
  }
}

extension SettingsError {
  fileprivate init(_ fault: TLSFault, _ settings: TLSSettings) {
    let mend = "name a PEM file that this user can read"
    self =
      switch fault {
      case .certificate:
        SettingsError(
          key: "POOLHUB_TLS_CERTIFICATE",
          fault: "names \(settings.certificate), which holds no certificate", mend: mend)
      case .key:
        SettingsError(
          key: "POOLHUB_TLS_KEY", fault: "names \(settings.key), which holds no key", mend: mend)
      case .clientCA:
        SettingsError(
          key: "POOLHUB_TLS_CLIENT_CA",
          fault: "names \(settings.clientCA ?? ""), which holds no certificate", mend: mend)
      case .mismatch:
        SettingsError(
          key: "POOLHUB_TLS_KEY", fault: "is not the key of POOLHUB_TLS_CERTIFICATE",
          mend: "name the key with which the certificate was made")
      }
  }
}
