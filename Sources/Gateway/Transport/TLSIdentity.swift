import Glibc
import NIOCore
import NIOSSL
import Synchronization

/// The files that a TLS port is made of.
package struct TLSFiles: Sendable, Equatable {
  package enum Clients: String, CaseIterable, Sendable { case optional, required }

  package var certificate: String
  package var key: String
  /// Whose certificates clients may show; nil: they aren't asked for any.
  package var clientCA: String?
  package var clients: Clients

  package init(certificate: String, key: String, clientCA: String?, clients: Clients) {
    self.certificate = certificate
    self.key = key
    self.clientCA = clientCA
    self.clients = clients
  }
}

/// Which of the files is at fault.
package enum TLSFault: Error, Equatable {
  case certificate, key, clientCA
  /// The key isn't the certificate's.
  case mismatch
}

/// What a TLS port shows, and whom it lets in: TLS 1.2 and later. It can be read anew while connections go on;
/// each keeps what it began with.
package final class TLSIdentity: Sendable {
  private struct State: Sendable {
    var context: NIOSSLContext
    var expires: Int
    var stamps: [FileStamp?]
  }

  private struct FileStamp: Equatable, Sendable {
    var device: UInt64
    var inode: UInt64
    var byteCount: Int64
    var seconds: Int
    var nanoseconds: Int

    init?(_ path: String) {
      var status = stat()
      guard stat(path, &status) == 0 else { return nil }
      device = UInt64(status.st_dev)
      inode = UInt64(status.st_ino)
      byteCount = Int64(status.st_size)
      seconds = status.st_mtim.tv_sec
      nanoseconds = status.st_mtim.tv_nsec
    }
  }

  private let files: TLSFiles
  private let state: Mutex<State>

  package init(_ files: TLSFiles) throws(TLSFault) {
    self.files = files
    state = Mutex(try Self.load(files))
  }

  /// What the next connection gets.
  package var context: NIOSSLContext { state.withLock { $0.context } }

  /// When the certificate ends, in seconds since 1970.
  package var expires: Int { state.withLock { $0.expires } }

  /// Whether the files are others than those in use.
  package var isOutdated: Bool { state.withLock { $0.stamps } != Self.stamps(files) }

  /// - Throws: what is wrong with the files; the former ones stay in use.
  package func reload() throws(TLSFault) {
    let loaded = try Self.load(files)
    state.withLock { $0 = loaded }
  }

  private static func stamps(_ files: TLSFiles) -> [FileStamp?] {
    [files.certificate, files.key, files.clientCA].map { $0.flatMap { FileStamp($0) } }
  }

  private static func load(_ files: TLSFiles) throws(TLSFault) -> State {
    // Before they are read: what changes meanwhile is noticed.
    let stamps = stamps(files)
    guard let chain = try? NIOSSLCertificate.fromPEMFile(files.certificate), let own = chain.first
    else { throw .certificate }
    guard let key = try? NIOSSLPrivateKey(file: files.key, format: .pem) else { throw .key }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    if let path = files.clientCA {
      guard let roots = try? NIOSSLCertificate.fromPEMFile(path), !roots.isEmpty else {
        throw .clientCA
      }
      configuration.trustRoots = .certificates(roots)
      configuration.sendCANameList = true
      configuration.certificateVerification =
        files.clients == .required ? .noHostnameVerification : .optionalVerification
    }
    guard let context = try? NIOSSLContext(configuration: configuration) else { throw .mismatch }
    return State(context: context, expires: Int(own.notValidAfter), stamps: stamps)
  }
}
