import Glibc

/// How many files and sockets this process and its children may have open.
package enum FileLimit {
  /// Raises the soft limit to the hard one, as a service's unit would.
  /// - Returns: the limit now in force.
  @discardableResult
  package static func raise() -> Int {
    var limit = rlimit()
    let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(kind, &limit) == 0 else { return 1_024 }
    if limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      setrlimit(kind, &limit)
      getrlimit(kind, &limit)
    }
    return Int(clamping: limit.rlim_cur)
  }
}
