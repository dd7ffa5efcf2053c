import Admission
import NIOCore
import Synchronization

/// What a connection's beginning said of who is at its other end, where that is more than its socket says.
final class PeerTable: Sendable {
  private struct Peer {
    var address: IPAddress?
    var names: CertifiedNames?
  }

  private let table = Mutex<[ObjectIdentifier: Peer]>([:])

  /// Takes note until the channel is closed. On its event loop.
  func set(_ address: IPAddress, of channel: any Channel) {
    change(channel) { $0.address = address }
  }

  func set(_ names: CertifiedNames, of channel: any Channel) {
    change(channel) { $0.names = names }
  }

  private func change(_ channel: any Channel, _ body: (inout Peer) -> Void) {
    let id = ObjectIdentifier(channel)
    let isNew = table.withLock { table in
      let isNew = table[id] == nil
      body(&table[id, default: Peer()])
      return isNew
    }
    guard isNew else { return }
    channel.closeFuture.whenComplete { _ in
      self.table.withLock { _ = $0.removeValue(forKey: id) }
    }
  }

  /// Whom its client certificate names.
  func names(of channel: any Channel) -> CertifiedNames? {
    let id = ObjectIdentifier(channel)
    return table.withLock { $0.isEmpty ? nil : $0[id]?.names }
  }

  func address(of channel: any Channel) -> IPAddress {
    let id = ObjectIdentifier(channel)
    return table.withLock { $0.isEmpty ? nil : $0[id]?.address }
      ?? channel.remoteAddress.flatMap(IPAddress.init) ?? IPAddress(high: 0, low: 0)
  }
}

extension IPAddress {
  /// Nil for a Unix socket's.
  init?(_ address: SocketAddress) {
    switch address {
    case .v4(let address): self.init(v4: UInt32(bigEndian: address.address.sin_addr.s_addr))
    case .v6(let address):
      var raw = address.address.sin6_addr
      self.init(bytes: withUnsafeBytes(of: &raw) { Array($0) })
    case .unixDomainSocket: return nil
    }
  }
}
