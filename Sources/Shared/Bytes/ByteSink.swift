/// Bytes written one piece after another into memory of its own. An array would ask before each piece whether
/// anybody else holds it; most of what is written here is a few bytes long.
///
/// Public, though nobody outside uses it: the compiler takes the bodies of `@inlinable` functions into other modules
/// only where they are public, and a call for each number costs more than to write it.
public struct ByteSink: ~Copyable {
  @usableFromInline var start: UnsafeMutableRawPointer
  @usableFromInline var capacity: Int
  /// Where the next byte goes, from the start.
  @usableFromInline var end = 0
  /// Else the memory is its maker's.
  public private(set) var ownsMemory: Bool

  /// - Parameter capacity: how many bytes it has room for before it has to move them.
  public init(capacity: Int) {
    self.capacity = max(16, capacity)
    start = .allocate(byteCount: self.capacity, alignment: 16)
    ownsMemory = true
  }

  /// Writes into `room`, and into memory of its own once that is too small.
  ///
  /// - Precondition: `room` has an address and outlives the sink.
  public init(within room: UnsafeMutableRawBufferPointer) {
    start = room.baseAddress!
    capacity = room.count
    ownsMemory = false
  }

  deinit {
    if ownsMemory { start.deallocate() }
  }

  /// How many bytes were written.
  @inlinable public var count: Int { end }

  /// A copy of all that was written.
  public var bytes: [UInt8] { withUnsafeBytes { Array($0) } }

  /// All that was written, as it lies there.
  public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(start: start, count: count))
  }

  /// A number's own bytes, the lowest first.
  @inlinable @inline(__always)
  public mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(_ value: Number) {
    append(upTo: MemoryLayout<Number>.size) { place in
      place.storeBytes(of: value.littleEndian, as: Number.self)
      return MemoryLayout<Number>.size
    }
  }

  /// Bytes as they are.
  @inlinable @inline(__always)
  public mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    append(upTo: bytes.count) { place in
      place.copyMemory(from: base, byteCount: bytes.count)
      return bytes.count
    }
  }

  /// What `write` puts at the place it is given.
  ///
  /// - Parameters:
  ///   - byteLimit: how many bytes there is room for.
  ///   - write: returns how many it wrote, `byteLimit` at most.
  @inlinable @inline(__always)
  public mutating func append(upTo byteLimit: Int, _ write: (UnsafeMutableRawPointer) -> Int) {
    if capacity - end < byteLimit { grow(by: byteLimit) }
    end += write(start + end)
  }

  /// Once more what was written at `places`.
  public mutating func append(again places: Range<Int>) {
    precondition(places.upperBound <= count, "only what was written can be written again")
    if capacity - end < places.count { grow(by: places.count) }
    append(UnsafeRawBufferPointer(start: start + places.lowerBound, count: places.count))
  }

  /// Writes over what was written at `place`.
  public mutating func replace<Number: FixedWidthInteger & BitwiseCopyable>(
    at place: Int, with value: Number
  ) {
    precondition(
      place + MemoryLayout<Number>.size <= count, "only what was written can be replaced")
    start.storeBytes(of: value.littleEndian, toByteOffset: place, as: Number.self)
  }

  /// Forgets all behind the first `count` bytes, and keeps its memory.
  public mutating func truncate(to count: Int) {
    precondition(0...self.count ~= count, "only what was written can be kept")
    end = count
  }

  @usableFromInline @inline(never)
  mutating func grow(by more: Int) {
    capacity = max(2 * capacity, count + more)
    let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    larger.copyMemory(from: start, byteCount: count)
    if ownsMemory { start.deallocate() }
    (start, ownsMemory) = (larger, true)
  }
}
