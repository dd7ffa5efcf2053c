import Synchronization

/// The secrets of the settings, but for coordinators': all of them change together.
package final class GatewaySecrets: Sendable {
  package struct Content: Sendable {
    package var administrator: SecretTable
    package var tokens: SessionTokens
    package var offers: Offers

    package init(administrator: SecretTable, tokens: SessionTokens, offers: Offers) {
      self.administrator = administrator
      self.tokens = tokens
      self.offers = offers
    }
  }

  private let content: Mutex<Content>

  package init(_ content: Content) {
    self.content = Mutex(content)
  }

  package var administrator: SecretTable { content.withLock { $0.administrator } }
  package var tokens: SessionTokens { content.withLock { $0.tokens } }
  package var offers: Offers { content.withLock { $0.offers } }

  package func replace(_ new: Content) { content.withLock { $0 = new } }
}
