import Domain

/// Which GPUs are online, and what their miners ask for them. Pure; filled miner by miner.
package struct PoolSurvey: Sendable {
  package struct GPU: Equatable, Sendable {
    package var name: String
    package var miners: Int
    /// A miner may have several.
    package var gpus: Int
    /// Percentiles of the miners' prices in force.
    package var price10: Price
    package var price50: Price
    package var price90: Price

    package init(
      name: String, miners: Int, gpus: Int, price10: Price, price50: Price, price90: Price
    ) {
      self.name = name
      self.miners = miners
      self.gpus = gpus
      self.price10 = price10
      self.price50 = price50
      self.price90 = price90
    }
  }

  /// What is rarer goes together.
  package static let gpuLimit = 12
  package static let otherName = "other"

  private struct Group {
    var gpus = 0
    var prices: [Price] = []
  }

  private var groups: [String: Group] = [:]
  package private(set) var minerCount = 0

  package init() {}

  package mutating func add(gpuName: String, gpuCount: Int, price: Price) {
    minerCount += 1
    groups[gpuName, default: Group()].gpus += gpuCount
    groups[gpuName, default: Group()].prices.append(price)
  }

  /// The commonest first, ties by name; past the limit all together as `other`.
  package var gpus: [GPU] {
    let sorted = groups.sorted { left, right in
      left.value.prices.count == right.value.prices.count
        ? left.key < right.key : left.value.prices.count > right.value.prices.count
    }
    var shown = sorted.prefix(Self.gpuLimit).map { Self.gpu($0.key, $0.value) }
    var rest = Group()
    for (_, group) in sorted.dropFirst(Self.gpuLimit) {
      rest.gpus += group.gpus
      rest.prices += group.prices
    }
    if !rest.prices.isEmpty { shown.append(Self.gpu(Self.otherName, rest)) }
    return shown
  }

  private static func gpu(_ name: String, _ group: Group) -> GPU {
    let prices = group.prices.sorted()
    func price(_ part: Double) -> Price { Quantile.ofSorted(part, prices) ?? Price(units: 0) }
    return GPU(
      name: name, miners: prices.count, gpus: group.gpus, price10: price(0.1),
      price50: price(0.5), price90: price(0.9))
  }
}
