import Domain
import Index
import Redis

/// The benchmark's registry in Redis, and its typical requests as a Lua script over it, with the same score, order
/// and answers as the index has. The moment is the population's start: nothing changes.
///
/// A miner is a packed record; a region's records stand in the order of their prices in strings of a few hundred,
/// which a sorted set finds by their lowest price, so that what is too dear is never looked at. Of a record the script
/// reads one byte for a capability, and the rest only where that fits.
struct RegistryInRedis: ~Copyable {
  /// Small enough to end soon behind the highest price, large enough to make few calls.
  private static let chunk = 256
  private static let commandsTogether = 100
  private static let timeouts = RedisConnection.Timeouts(replyMilliseconds: 30_000)
  /// Answers that the script's doubles come back in without loss.
  private static let script = """
    local cap, vram, now, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
    local count = tonumber(ARGV[5])
    local byte1, bit1, byte2, bit2 =
      tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
    local wCap, wPrice, wLatency, wTrust, wLoad, wSum = tonumber(ARGV[10]), tonumber(ARGV[11]),
      tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])
    local byte, band, unpack = string.byte, bit.band, struct.unpack
    local scores, rows, found = {}, {}, 0
    for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', cap)) do
      local records = redis.call('GET', key)
      for at = 1, #records, 74 do
        local met = band(byte(records, at + byte1), bit1) ~= 0 and 1 or 0
        if count == 2 and band(byte(records, at + byte2), bit2) ~= 0 then met = met + 1 end
        if met > 0 and byte(records, at + 32) >= vram and byte(records, at + 33) == 1 then
          local deadline, row, price, load, latency, trust = unpack('<i4i4dddd', records, at + 34)
          if price > cap then break end
          if deadline > now then
            local score = (wCap * (met / count) + wPrice * (1 - price / cap) + wLatency * latency
              + wTrust * trust + wLoad * load) / wSum
            local place = found
            while place > 0 and (score > scores[place]
              or (score == scores[place] and row < rows[place])) do place = place - 1 end
            if place < limit then
              table.insert(scores, place + 1, score)
              table.insert(rows, place + 1, row)
              if found < limit then found = found + 1
              else scores[limit + 1] = nil; rows[limit + 1] = nil end
            end
          end
        end
      end
    end
    local answer = {}
    for place = 1, found do
      answer[2 * place - 1] = rows[place]
      answer[2 * place] = string.format('%.17g', scores[place])
    end
    return answer
    """

  private let connection: RedisConnection
  private let digest: String

  /// - Parameter url: of a server that `load` has filled.
  init(url: RedisURL) throws(RedisError) {
    let connection = try RedisConnection.open(url, timeouts: Self.timeouts)
    let reply = try connection.pipeline([RedisCommand("SCRIPT", "LOAD", Self.script)])[0].get()
    guard let digest = reply.text else { throw .protocolViolation("a script has a digest") }
    self.connection = connection
    self.digest = digest
  }

  /// The best rows for a request, best first; counts are left out.
  func match(_ request: Request) throws(RedisError) -> ScanAnswer {
    var command = RedisCommand("EVALSHA", digest, "1")
    for argument in request.arguments { command.append(argument) }
    let values = try connection.pipeline([command])[0].get().elements ?? []
    var best: [ScanAnswer.Entry] = []
    for place in stride(from: 0, to: values.count - 1, by: 2) {
      guard let row = values[place].integer, let score = values[place + 1].text.flatMap(Double.init)
      else { throw .protocolViolation("a row and a score") }
      best.append(.init(row: Int(row), score: score))
    }
    return ScanAnswer(best: best)
  }

  /// The script's key and arguments for a typical request.
  struct Request: Sendable {
    fileprivate let arguments: [String]

    /// - Precondition: it asks for a region, a highest price, and one or two common capabilities.
    init(_ query: MatchQuery, _ columns: ScanColumns) {
      let ask = ScanAsk(query, at: columns.start, columns)
      guard let region = ask.region else { preconditionFailure("typical requests have a region") }
      precondition(ask.hasMaxPrice && ask.anyOf.count > 0 && ask.anyOf.isCommon)
      let numbers = ask.anyOf.numbers
      let weights = columns.weights
      arguments =
        [RegistryInRedis.key(Int(region)), "\(ask.maxPriceUnits)", "\(ask.minVRAMGB)"]
        + ["\(ask.now)", "\(ask.topK)", "\(numbers.count)"]
        + [numbers[0], numbers[numbers.count - 1]].flatMap { ["\($0 >> 3)", "\(1 << ($0 & 7))"] }
        + [weights.cap, weights.price, weights.latency, weights.trust, weights.load, weights.sum]
        .map { "\($0)" }
    }
  }

  /// Puts all of `columns`, with the ranks that they hold, into an empty server.
  static func load(_ columns: ScanColumns, url: RedisURL) throws(RedisError) {
    let connection = try RedisConnection.open(url, timeouts: timeouts)
    var commands: [RedisCommand] = []
    for region in BenchmarkWords.regions.indices {
      let rows = (0..<columns.count).filter { columns.region[$0] == UInt8(region) }
        .sorted { (columns.price[$0], $0) < (columns.price[$1], $1) }
      for first in stride(from: 0, to: rows.count, by: chunk) {
        let part = rows[first..<min(first + chunk, rows.count)]
        let name = "\(key(region)):\(first)"
        var chunk = RedisCommand("SET", name)
        chunk.append(part.flatMap { columns.packed($0) })
        commands.append(chunk)
        commands.append(RedisCommand("ZADD", key(region), "\(columns.price[rows[first]])", name))
      }
    }
    for first in stride(from: 0, to: commands.count, by: commandsTogether) {
      let part = commands[first..<min(first + commandsTogether, commands.count)]
      for reply in try connection.pipeline(Array(part)) { _ = try reply.get() }
    }
  }

  fileprivate static func key(_ region: Int) -> String { "bench:\(region)" }
}

extension ScanColumns {
  /// 74 bytes, little-endian: the common capabilities' bits, VRAM, whether it is open, its lease's end, row, price,
  /// and the ranked parts of load, latency and trust.
  fileprivate func packed(_ row: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 32)
    for number in capabilities[row].numbers where number < BenchmarkWords.commonCapabilityCount {
      bytes[number >> 3] |= 1 << UInt8(number & 7)
    }
    bytes += [vramGB[row], isOpen[row]]
    let parts = rankedParts(of: row)
    func append(_ value: some FixedWidthInteger) {
      withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
    append(deadline[row])
    append(Int32(row))
    for value in [Double(price[row]), parts.load, parts.latency, trust[row]] {
      append(value.bitPattern)
    }
    return bytes
  }
}
