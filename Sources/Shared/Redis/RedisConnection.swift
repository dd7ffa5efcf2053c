import CHiredis
import Glibc

/// A connection to Redis that belongs to one thread at a time. Its calls block.
///
/// After it threw `connectionLost` or `protocolViolation` it is of no more use.
package struct RedisConnection: ~Copyable {
  package struct Timeouts: Sendable {
    package var connectMilliseconds: Int
    /// The longest silence while a reply is awaited.
    package var replyMilliseconds: Int

    package init(connectMilliseconds: Int = 300, replyMilliseconds: Int = 600) {
      self.connectMilliseconds = connectMilliseconds
      self.replyMilliseconds = replyMilliseconds
    }
  }

  private let context: UnsafeMutablePointer<redisContext>
  /// What the server calls its own life: another one after each restart. nil where we may not ask.
  package let runID: String?

  private init(context: UnsafeMutablePointer<redisContext>, runID: String?) {
    self.context = context
    self.runID = runID
  }

  deinit { redisFree(context) }

  /// Connects, logs in, chooses the database, and makes sure that the server is ready for commands.
  package static func open(
    _ url: RedisURL, timeouts: Timeouts = Timeouts()
  ) throws(RedisError) -> RedisConnection {
    ignoreBrokenPipes
    let wait = timeval(milliseconds: timeouts.connectMilliseconds)
    let made =
      switch url.endpoint {
      case .tcp(let host, let port): redisConnectWithTimeout(host, Int32(port), wait)
      case .unix(let path): redisConnectUnixWithTimeout(path, wait)
      }
    guard let context = made else { throw .connectionLost("out of memory") }
    if context.pointee.err != 0 {
      let error = failure(of: context)
      redisFree(context)
      throw error
    }
    // Children that this process may start have no business with the connection.
    _ = fcntl(context.pointee.fd, F_SETFD, FD_CLOEXEC)
    redisSetTimeout(context, timeval(milliseconds: timeouts.replyMilliseconds))
    if case .tcp = url.endpoint { redisEnableKeepAlive(context) }
    do {
      return RedisConnection(context: context, runID: try greet(context, url))
    } catch {
      redisFree(context)
      throw error
    }
  }

  /// Sends all commands at once and collects their replies, in order. A command that the server refused
  /// has a reply of kind `error`.
  package borrowing func pipeline(_ commands: [RedisCommand]) throws(RedisError) -> [RedisReply] {
    try Self.exchange(context, commands)
  }

  /// - Returns: the server's run id.
  private static func greet(
    _ context: UnsafeMutablePointer<redisContext>, _ url: RedisURL
  ) throws(RedisError) -> String? {
    var commands: [RedisCommand] = []
    if let password = url.password {
      var login = RedisCommand("AUTH")
      if let user = url.user { login.append(user) }
      login.append(password)
      commands.append(login)
    }
    if url.database != 0 {
      var choice = RedisCommand("SELECT")
      choice.append(url.database)
      commands.append(choice)
    }
    let replies = try exchange(context, commands + [RedisCommand("PING")])
    for case .error(let message) in replies {
      // «LOADING», «MASTERDOWN»: not ready yet, which is no other than not reachable.
      throw .connectionLost(shortReason(message))
    }
    let info = try exchange(context, [RedisCommand("INFO", "server")])
    return info[0].text.flatMap { readRunID($0) }
  }

  private static func readRunID(_ info: String) -> String? {
    for line in info.split(whereSeparator: \.isNewline) where line.hasPrefix("run_id:") {
      return String(line.dropFirst("run_id:".count))
    }
    return nil
  }

  private static func exchange(
    _ context: UnsafeMutablePointer<redisContext>, _ commands: [RedisCommand]
  ) throws(RedisError) -> [RedisReply] {
    for command in commands {
      let status = command.withArguments { redisAppendCommandArgv(context, $0, $1, $2) }
      if status != REDIS_OK { throw failure(of: context) }
    }
    var replies: [RedisReply] = []
    replies.reserveCapacity(commands.count)
    for _ in commands {
      var raw: UnsafeMutableRawPointer?
      guard redisGetReply(context, &raw) == REDIS_OK, let raw else { throw failure(of: context) }
      defer { freeReplyObject(raw) }
      replies.append(try RedisReply(raw.assumingMemoryBound(to: redisReply.self)))
    }
    return replies
  }

  private static func failure(of context: UnsafeMutablePointer<redisContext>) -> RedisError {
    // First of all: whatever comes next may set another.
    let code = errno
    let text = withUnsafeBytes(of: context.pointee.errstr) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    switch context.pointee.err {
    case REDIS_ERR_EOF: return .connectionLost("the server closed the connection")
    case REDIS_ERR_PROTOCOL: return .protocolViolation(text)
    case REDIS_ERR_IO where code == EAGAIN || code == ETIMEDOUT || code == EINPROGRESS:
      return .connectionLost("no answer in time")
    default: return .connectionLost(text.isEmpty ? "no connection" : text.lowercased())
    }
  }

  /// The code and the first few words: these may be shown to whoever asks for our health.
  private static func shortReason(_ message: String) -> String {
    String(message.prefix(80))
  }
}

/// hiredis writes with `write`, so a server that went away would end the process by SIGPIPE.
private let ignoreBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

extension timeval {
  fileprivate init(milliseconds: Int) {
    self.init(tv_sec: milliseconds / 1_000, tv_usec: milliseconds % 1_000 * 1_000)
  }
}

extension RedisReply {
  fileprivate init(_ raw: UnsafePointer<redisReply>) throws(RedisError) {
    let reply = raw.pointee
    switch reply.type {
    case REDIS_REPLY_STRING: self = .string(Self.copy(reply))
    case REDIS_REPLY_STATUS: self = .status(String(decoding: Self.copy(reply), as: UTF8.self))
    case REDIS_REPLY_ERROR: self = .error(String(decoding: Self.copy(reply), as: UTF8.self))
    case REDIS_REPLY_INTEGER: self = .integer(Int64(reply.integer))
    case REDIS_REPLY_NIL: self = .null
    case REDIS_REPLY_ARRAY:
      var elements: [RedisReply] = []
      elements.reserveCapacity(reply.elements)
      for index in 0..<reply.elements {
        guard let element = reply.element[index] else { throw .protocolViolation("no element") }
        elements.append(try RedisReply(element))
      }
      self = .array(elements)
    default: throw .protocolViolation("reply of type \(reply.type)")
    }
  }

  private static func copy(_ reply: redisReply) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: reply.str, count: reply.len))
  }
}
