/// What a development fleet is made of.
package struct DevOptions: Equatable, Sendable {
  /// One `KEY=VALUE` that every child gets in its environment, over whatever else it would get.
  package struct Setting: Equatable, Sendable {
    package let key: String
    package let value: String

    /// - Returns: nil when `text` isn't a name of capital letters, digits and `_`, a `=` and a value.
    package init?(_ text: String) {
      guard let equals = text.firstIndex(of: "=") else { return nil }
      let key = text[..<equals]
      let isName = key.utf8.allSatisfy {
        $0 == UInt8(ascii: "_") || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
      }
      guard isName, let first = key.utf8.first, !(48...57).contains(first) else { return nil }
      self.key = String(key)
      self.value = String(text[text.index(after: equals)...])
    }
  }

  /// The mock miners and the mock coordinator; nil stands for none.
  package struct Simulation: Equatable, Sendable {
    package var miners: Int
    package var seed: UInt64
    /// Matches a second.
    package var matchRate: Double

    package init(miners: Int, seed: UInt64, matchRate: Double) {
      self.miners = miners
      self.seed = seed
      self.matchRate = matchRate
    }
  }

  /// The first gateway's port; the others follow it. 0: free ports.
  package var port = 8203
  package var gateways = 1
  package var scorers = 2
  package var simulation: Simulation?
  /// Absolute path of the folder that holds everything.
  package var directory: String
  package var settings: [Setting] = []
  /// ZeroMQ endpoints of gateways that aren't the fleet's, which its scorers connect to as well.
  package var otherGateways: [String] = []

  package init(directory: String) { self.directory = directory }
}

/// Why a fleet could not start. One plain line, with the end of a log where that tells more.
package struct FleetError: Error, Equatable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
