import Domain
import TestRandom
import Testing
import Wire

@Suite("Packed live status")
struct StatusPatchTests {
  @Test("any patch is 40 bytes and is read as it was written", arguments: 0..<4)
  func roundTrip(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for _ in 0..<1_000 {
      let patch = random.patch()
      let bytes = StatusPatchCodec.encode(patch)
      #expect(bytes.count == StatusPatchCodec.byteCount && bytes.count == 40)
      #expect(try StatusPatchCodec.decode(bytes) == patch)
    }
  }

  @Test("each field stands where the format says")
  func offsets() {
    var patch = StatusPatch(
      at: Timestamp(milliseconds: 0x0102_0304_0506_0708), leaseMilliseconds: 0x1112_1314)
    patch.queueLength = 0x2122_2324
    patch.busy = true
    patch.state = .offline
    patch.gpuUtilization = 1
    patch.avgLatencyMilliseconds = 2
    patch.temperatureCelsius = 4
    patch.memFreeGB = 8
    #expect(
      StatusPatchCodec.encode(patch) == [
        8, 7, 6, 5, 4, 3, 2, 1,  // at, i64 ms
        0x14, 0x13, 0x12, 0x11,  // lease, u32 ms
        0x7F, 1, 4, 0,  // mask, busy, state, nothing
        0x24, 0x23, 0x22, 0x21,  // queue length, u32
        0, 0, 0x80, 0x3F,  // GPU use, f32
        0, 0, 0, 0, 0, 0, 0, 0x40,  // latency, f64 ms
        0, 0, 0x80, 0x40,  // temperature, f32
        0, 0, 0, 0x41,  // free memory, f32
      ])
  }

  @Test("each field alone sets its own bit of the mask", arguments: 0..<7)
  func mask(bit: Int) throws {
    var patch = StatusPatch(at: .distantPast, leaseMilliseconds: 0)
    switch bit {
    case 0: patch.queueLength = 0
    case 1: patch.busy = false
    case 2: patch.state = .active
    case 3: patch.avgLatencyMilliseconds = 0
    case 4: patch.temperatureCelsius = 0
    case 5: patch.memFreeGB = 0
    default: patch.gpuUtilization = 0
    }
    let bytes = StatusPatchCodec.encode(patch)
    #expect(bytes[12] == 1 << UInt8(bit))
    #expect(bytes.enumerated().allSatisfy { $0.offset == 12 || $0.element == 0 })
    #expect(try StatusPatchCodec.decode(bytes) == patch)
  }

  @Test("fewer than 40 bytes, an unknown state and a number that is none are refused")
  func badPatches() {
    let good = StatusPatchCodec.encode(StatusPatch(at: .distantPast, leaseMilliseconds: 1))
    for count in 0..<40 {
      #expect(throws: WireError.truncated) { try StatusPatchCodec.decode(Array(good[..<count])) }
    }
    var state = good
    state[14] = 5
    #expect(throws: WireError.badValue) { try StatusPatchCodec.decode(state) }
    for (offset, size) in [(20, 4), (24, 8), (32, 4), (36, 4)] {
      var broken = good
      for place in offset..<offset + size { broken[place] = 0xFF }
      #expect(throws: WireError.badValue) { try StatusPatchCodec.decode(broken) }
    }
  }
}
