import Domain

/// What scorers are asked by whoever compares them.
package enum Inspection {
  /// The most miners that one request asks about: a few microseconds of the index's thread.
  package static let minerLimit = 256
}

extension ByteWriter {
  /// Sized, so that a holding can grow at its end.
  mutating func write(_ holding: MinerHolding) {
    writeSized { writer in
      writer.write(holding.id.text)
      writer.write(holding.recordVersion)
      writer.write(holding.isLive)
      writer.write(holding.price.units)
      writer.write(UInt32(holding.maxParallel))
      writer.write(holding.trust.score)
      writer.write(holding.trust.good)
      writer.write(holding.trust.bad)
      writer.write(holding.trust.version)
      writer.write(optional: holding.status) { StatusPatchCodec.write($1, to: &$0) }
    }
  }
}

extension ByteReader {
  mutating func readInspectedIDs() throws(WireError) -> [MinerID] {
    var ids: [MinerID] = []
    for _ in 0..<(try readCount()) { ids.append(try readMinerID()) }
    return ids
  }

  mutating func readHoldings() throws(WireError) -> [MinerHolding] {
    var holdings: [MinerHolding] = []
    for _ in 0..<(try readCount()) {
      var block = try readSized()
      holdings.append(try block.readHolding())
    }
    return holdings
  }

  private mutating func readCount() throws(WireError) -> Int {
    let count = Int(try read(UInt16.self))
    guard count <= Inspection.minerLimit else { throw .badValue }
    return count
  }

  private mutating func readHolding() throws(WireError) -> MinerHolding {
    MinerHolding(
      id: try readMinerID(), recordVersion: try read(), isLive: try readBool(),
      price: Price(units: try read()), maxParallel: Int(try read(UInt32.self)),
      trust: MinerTrust(
        score: try readDouble(), good: try readDouble(), bad: try readDouble(),
        version: try read()),
      status: try readOptional { (reader) throws(WireError) in
        try StatusPatchCodec.read(&reader)
      })
  }
}
