import Glibc

/// The process's own figures, read from the kernel at each scrape.
package enum ProcessMetrics {
  /// Adds the `process_…` metrics and `poolhub_build_info`.
  /// - Parameter process: the program's name.
  package static func install(in registry: PrometheusRegistry, process: String, version: String) {
    registry.gauge(.buildInfo, [("process", process), ("version", version)]).set(1)
    let memory = registry.gauge(.processResidentMemory)
    let openFiles = registry.gauge(.processOpenFiles)
    let fileLimit = registry.gauge(.processFileLimit)
    let cpu = registry.counter(.processCPU)
    let start = registry.gauge(.processStart)
    if let seconds = startSeconds() { start.set(seconds) }
    registry.onRender {
      if let bytes = residentBytes() { memory.set(Double(bytes)) }
      if let count = openFileCount() { openFiles.set(Double(count)) }
      if let limit = openFileLimit() { fileLimit.set(Double(limit)) }
      if let seconds = cpuSeconds() { cpu.set(total: seconds) }
    }
  }

  static func residentBytes() -> Int? {
    guard let statm = contents(ofFile: "/proc/self/statm") else { return nil }
    let fields = statm.split(separator: " ")
    guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  static func openFileCount() -> Int? {
    guard let folder = opendir("/proc/self/fd") else { return nil }
    defer { closedir(folder) }
    var count = 0
    while let entry = readdir(folder) {
      // Not `.`, not `..`.
      if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
    }
    // Less the one that this reads through.
    return count - 1
  }

  package static func openFileLimit() -> UInt? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
    return UInt(limit.rlim_cur)
  }

  static func cpuSeconds() -> Double? {
    var usage = timespec()
    guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &usage) == 0 else { return nil }
    return Double(usage.tv_sec) + Double(usage.tv_nsec) / 1e9
  }

  /// The start in clock ticks since boot is field 22 of `stat`; the second, the program's name, may
  /// hold spaces and parentheses (proc(5)).
  static func startSeconds() -> Double? {
    guard let stat = contents(ofFile: "/proc/self/stat"),
      let nameEnd = stat.lastIndex(of: ")"),
      let bootLine = contents(ofFile: "/proc/stat")?.split(separator: "\n")
        .first(where: { $0.hasPrefix("btime ") }),
      let boot = Double(bootLine.dropFirst(6))
    else { return nil }
    let fields = stat[stat.index(after: nameEnd)...].split(separator: " ")
    guard fields.count > 19, let ticks = Double(fields[19]) else { return nil }
    return boot + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// A whole file of `/proc`, whose size isn't known before it is read.
  private static func contents(ofFile path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      if count <= 0 { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
