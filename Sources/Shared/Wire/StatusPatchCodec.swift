import Domain

/// A `StatusPatch` as 40 bytes of fixed layout, so that a script in Redis can merge two of them by
/// cutting strings. Little-endian: at i64 ms · lease u32 ms · mask u8 · busy u8 · state u8 · 0 ·
/// queue length u32 · GPU use f32 · latency f64 ms · temperature f32 °C · free memory f32 GB.
package enum StatusPatchCodec {
  package static let byteCount = 40

  /// Bits of the mask byte: which fields are set.
  package enum Mask {
    package static let queueLength: UInt8 = 1 << 0
    package static let busy: UInt8 = 1 << 1
    package static let state: UInt8 = 1 << 2
    package static let latency: UInt8 = 1 << 3
    package static let temperature: UInt8 = 1 << 4
    package static let memFree: UInt8 = 1 << 5
    package static let gpuUtilization: UInt8 = 1 << 6
  }

  package static func encode(_ patch: StatusPatch) -> [UInt8] {
    var writer = ByteWriter(capacity: byteCount)
    write(patch, to: &writer)
    return writer.bytes
  }

  package static func write(_ patch: StatusPatch, to writer: inout ByteWriter) {
    var mask: UInt8 = 0
    if patch.queueLength != nil { mask |= Mask.queueLength }
    if patch.busy != nil { mask |= Mask.busy }
    if patch.state != nil { mask |= Mask.state }
    if patch.avgLatencyMilliseconds != nil { mask |= Mask.latency }
    if patch.temperatureCelsius != nil { mask |= Mask.temperature }
    if patch.memFreeGB != nil { mask |= Mask.memFree }
    if patch.gpuUtilization != nil { mask |= Mask.gpuUtilization }
    writer.write(patch.at.milliseconds)
    writer.write(patch.leaseMilliseconds)
    writer.write(mask)
    writer.write(patch.busy ?? false)
    writer.write(patch.state?.code ?? 0)
    writer.write(UInt8(0))
    writer.write(patch.queueLength ?? 0)
    writer.write(patch.gpuUtilization ?? 0)
    writer.write(patch.avgLatencyMilliseconds ?? 0)
    writer.write(patch.temperatureCelsius ?? 0)
    writer.write(patch.memFreeGB ?? 0)
  }

  package static func decode(_ bytes: UnsafeRawBufferPointer) throws(WireError) -> StatusPatch {
    var reader = ByteReader(bytes)
    return try read(&reader)
  }

  package static func decode(_ bytes: [UInt8]) throws(WireError) -> StatusPatch {
    try bytes.withUnsafeBytes { buffer in
      Result { () throws(WireError) in try decode(buffer) }
    }.get()
  }

  package static func read(_ reader: inout ByteReader) throws(WireError) -> StatusPatch {
    var patch = StatusPatch(
      at: Timestamp(milliseconds: try reader.read()), leaseMilliseconds: try reader.read())
    let mask: UInt8 = try reader.read()
    let busy = try reader.readBool()
    guard let state = MinerState(code: try reader.read()) else { throw .badValue }
    _ = try reader.read(UInt8.self)
    let queueLength: UInt32 = try reader.read()
    let gpuUtilization = try reader.readFloat()
    let latency = try reader.readDouble()
    let temperature = try reader.readFloat()
    let memFree = try reader.readFloat()
    patch.queueLength = mask & Mask.queueLength != 0 ? queueLength : nil
    patch.busy = mask & Mask.busy != 0 ? busy : nil
    patch.state = mask & Mask.state != 0 ? state : nil
    patch.avgLatencyMilliseconds = mask & Mask.latency != 0 ? latency : nil
    patch.temperatureCelsius = mask & Mask.temperature != 0 ? temperature : nil
    patch.memFreeGB = mask & Mask.memFree != 0 ? memFree : nil
    patch.gpuUtilization = mask & Mask.gpuUtilization != 0 ? gpuUtilization : nil
    return patch
  }
}
