import CVector
import Domain

// The most that anybody can come to, and the superblocks in the order of that.
extension BlockSearch {
  /// The most that a miner can come to, but for the cap part and what `share` adds.
  @inline(__always)
  func bound(
    _ parts: Column<SIMD16<Float>>, _ region: Column<RegionRow>
  ) -> Float {
    // Lane by lane from memory: a vector's lane by a variable would take the whole vector along.
    let parts = UnsafeRawPointer(parts).assumingMemoryBound(to: Float.self)
    let low = parts[ask.lane]
    return low + ask.blend * (parts[ask.otherLane] - low) + rise(region)
  }

  /// What all bounds of a region are short of.
  @inline(__always)
  func rise(_ region: Column<RegionRow>) -> Float {
    let slack = region.pointee.latencySlack
    return BlockIndex.margin
      + (ask.lane == CapGrid.rankLane ? slack + region.pointee.priceSlack : slack)
  }

  /// Whose bound is below this can't be among the best any more.
  @inline(__always)
  var leastBound: Float {
    topCount < ask.limit ? 0 : max(0, Float(room.top[ask.limit - 1].score).nextDown)
  }

  /// The most that the cap part comes to for any of these miners.
  @inline(__always)
  mutating func share(_ mask: UInt64, _ block: Int) -> Float {
    if ask.askedCapabilities <= 1 || round != .all { return capBound }
    return ask.capShare * (Float(mostMet(mask, block)) / Float(ask.askedCapabilities))
  }

  /// How many of the asked capabilities the miner of this mask that has most of them has, or more.
  @inline(__always)
  private mutating func mostMet(_ mask: UInt64, _ block: Int) -> Int {
    let rareCount = room.rareCapabilityCount
    let rareMet = rareCount > 0 && room.rareMarks.words[block] & mask != 0 ? rareCount : 0
    let range = room.shareRange
    if range.count == 2 {
      let first = room.terms[range.lowerBound].words[block]
      let both = first & room.terms[range.lowerBound + 1].words[block] & mask
      return (both != 0 ? 2 : 1) + rareMet
    }
    return max(1, mostMet(mask, block, range) + rareMet)
  }

  private mutating func mostMet(_ mask: UInt64, _ block: Int, _ range: Range<Int>) -> Int {
    if range.count < 2 || range.count > 15 { return range.count }
    // A number for each miner, bit by bit, in four words.
    var (ones, twos, fours, eights) = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    for place in range {
      var carry = room.terms[place].words[block] & mask
      (ones, carry) = (ones ^ carry, ones & carry)
      (twos, carry) = (twos ^ carry, twos & carry)
      (fours, carry) = (fours ^ carry, fours & carry)
      eights ^= carry
    }
    var most = 0
    var left = mask
    for (word, value) in [(eights, 8), (fours, 4), (twos, 2), (ones, 1)] where left & word != 0 {
      left &= word
      most += value
    }
    return most
  }
}

// The heap of superblocks, and what of each is the best.
extension BlockSearch {
  /// Gives the first superblock the place that its blocks' bounds now call for.
  ///
  /// - Returns: its block with the highest bound.
  @inline(__always)
  @discardableResult
  mutating func reorder(_ superblock: Int) -> Int {
    let staged = room.stagedBounds + 64 * superblock
    let bound = greatest(staged)
    if bound < 0 {
      replaceFirst(with: nil)
      return 0
    }
    let place = at_least(staged, bound).trailingZeroBitCount
    replaceFirst(
      with: UInt64(bound.bitPattern) << 32 | Self.isStaged | UInt64(place) << Self.placeShift
        | UInt64(superblock))
    return place
  }

  mutating func orderHeap() {
    var place = heapCount / 2
    while place > 0 {
      place -= 1
      sink(room.heap[place], from: place)
    }
  }

  @inline(__always)
  mutating func replaceFirst(with key: UInt64?) {
    if let key {
      sink(key, from: 0)
      return
    }
    heapCount -= 1
    if heapCount > 0 { sink(room.heap[heapCount], from: 0) }
  }

  @inline(__always)
  private func sink(_ key: UInt64, from start: Int) {
    let heap = room.heap
    var place = start
    while true {
      var child = 2 * place + 1
      if child >= heapCount { break }
      if child + 1 < heapCount && heap[child + 1] > heap[child] { child += 1 }
      if heap[child] <= key { break }
      heap[place] = heap[child]
      place = child
    }
    heap[place] = key
  }
}
