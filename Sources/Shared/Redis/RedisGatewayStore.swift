import Domain

/// Where gateways say that they are there, and scorers find them. An announcement ends by itself when it
/// isn't renewed.
package struct RedisGatewayStore: Sendable {
  private let client: RedisClient
  private let keys: RedisKeys

  package init(client: RedisClient, keys: RedisKeys) {
    self.client = client
    self.keys = keys
  }

  package func announce(
    _ gateway: GatewayAnnouncement, forMilliseconds lifetime: Int
  ) async throws(RedisError) {
    var command = RedisScripts.call(RedisScripts.announce, keys: [keys.gateways])
    command.append(gateway.text)
    command.append(lifetime)
    _ = try await client.send(command)
  }

  package func withdraw(_ gateway: GatewayAnnouncement) async throws(RedisError) {
    _ = try await client.send(RedisCommand("ZREM", keys.gateways, gateway.text))
  }

  /// All that stand now, in no order.
  package func announced() async throws(RedisError) -> [GatewayAnnouncement] {
    let command = RedisScripts.call(RedisScripts.announced, keys: [keys.gateways])
    guard let members = try await client.send(command).elements else {
      throw .protocolViolation("announced")
    }
    return members.compactMap { $0.text.flatMap(GatewayAnnouncement.init(text:)) }
  }
}

/// `INSTANCE ENDPOINT GATEWAY`, the instance in hexadecimal and `-` for no endpoint. Readers leave alone
/// what they can't make sense of.
extension GatewayAnnouncement {
  fileprivate var text: String {
    "\(String(instance, radix: 16)) \(endpoint.isEmpty ? "-" : endpoint) \(gatewayID)"
  }

  fileprivate init?(text: String) {
    let parts = text.split(separator: " ", maxSplits: 2)
    guard parts.count == 3, let instance = UInt64(parts[0], radix: 16), instance != 0 else {
      return nil
    }
    self.init(
      gatewayID: String(parts[2]), instance: instance,
      endpoint: parts[1] == "-" ? "" : String(parts[1]))
  }
}
