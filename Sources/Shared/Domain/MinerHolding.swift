/// What one scorer holds of one miner, in short: enough to tell whether two scorers agree.
package struct MinerHolding: Equatable, Sendable {
  package var id: MinerID
  /// Of its record; two records of one version are the same.
  package var recordVersion: Int64
  /// In the live index; else it lies dormant, its grace over.
  package var isLive: Bool
  /// In force now, apart from any service's.
  package var price: Price
  package var maxParallel: Int
  package var trust: MinerTrust
  /// All signs of life so far as one; nil when there was none.
  package var status: StatusPatch?

  package init(
    id: MinerID, recordVersion: Int64, isLive: Bool, price: Price, maxParallel: Int,
    trust: MinerTrust, status: StatusPatch?
  ) {
    self.id = id
    self.recordVersion = recordVersion
    self.isLive = isLive
    self.price = price
    self.maxParallel = maxParallel
    self.trust = trust
    self.status = status
  }
}
