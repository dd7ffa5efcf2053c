/// What runs inside Redis, where a read and the write that rests on it are one step. Sent with EVAL each
/// time: a kilobyte a flush, and no restart or flush of the server's script cache can be in the way.
enum RedisScripts {
  /// Merges packed status patches into their shards, as `StatusPatch.merged(with:)` does: the later one's
  /// value field by field. The offsets are `StatusPatchCodec`'s.
  ///
  /// KEYS: shards. ARGV: seconds to live, then for each shard the number of its patches and these as
  /// id, patch, id, patch ….
  static let mergeStatuses = """
    local function merge(old, new)
      if not old or #old ~= 40 then return new end
      if struct.unpack('<i8', new) < struct.unpack('<i8', old) then old, new = new, old end
      local oldMask, newMask = string.byte(old, 13), string.byte(new, 13)
      local missing = bit.band(oldMask, bit.bnot(newMask))
      if missing == 0 then return new end
      local function pick(flag, from, to)
        return string.sub(bit.band(missing, flag) ~= 0 and old or new, from, to)
      end
      return string.sub(new, 1, 12) .. string.char(bit.bor(oldMask, newMask))
        .. pick(2, 14, 14) .. pick(4, 15, 15) .. string.sub(new, 16, 16) .. pick(1, 17, 20)
        .. pick(64, 21, 24) .. pick(8, 25, 32) .. pick(16, 33, 36) .. pick(32, 37, 40)
    end
    local at = 2
    for _, shard in ipairs(KEYS) do
      local count = tonumber(ARGV[at])
      local ids, writes, merged = {}, {}, {}
      for i = 1, count do ids[i] = ARGV[at + 2 * i - 1] end
      local stored = redis.call('HMGET', shard, unpack(ids))
      for i = 1, count do
        local id = ids[i]
        local patch = merge(merged[id] or stored[i], ARGV[at + 2 * i])
        merged[id] = patch
        writes[2 * i - 1], writes[2 * i] = id, patch
      end
      redis.call('HSET', shard, unpack(writes))
      redis.call('EXPIRE', shard, ARGV[1])
      at = at + 2 * count + 1
    end
    return redis.status_reply('OK')
    """

  /// Looks at some fields of one shard and removes those whose lease ended before a moment.
  ///
  /// KEYS: shard. ARGV: cursor, how many to look at, the moment in ms. → next cursor, removed.
  static let sweepStatuses = """
    local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
    local before, removed = tonumber(ARGV[3]), 0
    for i = 1, #page[2], 2 do
      local patch = page[2][i + 1]
      local isStale = #patch ~= 40
      if not isStale then
        local at, lease = struct.unpack('<i8I4', patch)
        isStale = at + lease < before
      end
      if isStale then removed = removed + redis.call('HDEL', KEYS[1], page[2][i]) end
    end
    return {page[1], removed}
    """

  /// Sets a miner's not-before time, unless a later one stands there.
  ///
  /// KEYS: the hash. ARGV: miner, ms, seconds to live.
  static let revoke = """
    local known = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
    if not known or known < tonumber(ARGV[2]) then
      redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
    end
    redis.call('EXPIRE', KEYS[1], ARGV[3])
    return redis.status_reply('OK')
    """

  /// Looks at some of the not-before times and removes those before a moment.
  ///
  /// KEYS: the hash. ARGV: cursor, how many to look at, the moment in ms. → next cursor, removed.
  static let sweepRevocations = """
    local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
    local before, removed = tonumber(ARGV[3]), 0
    for i = 1, #page[2], 2 do
      local notBefore = tonumber(page[2][i + 1])
      if not notBefore or notBefore < before then
        removed = removed + redis.call('HDEL', KEYS[1], page[2][i])
      end
    end
    return {page[1], removed}
    """

  /// The ids of a stream's first and last entry, without their payloads; nothing when it has none.
  ///
  /// KEYS: the stream.
  static let streamEnds = """
    local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
    local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
    if #first == 0 or #last == 0 then return {} end
    return {first[1][1], last[1][1]}
    """

  /// A small write, which Redis refuses as it would any other: out of memory, its disk full, a replica.
  static func probe(_ keys: RedisKeys) -> RedisCommand {
    RedisCommand("SET", keys.probe, "1", "EX", "60")
  }

  /// Announces a gateway for a while, and forgets those whose time is over. By Redis's clock, so that
  /// those of the gateways' hosts don't matter.
  ///
  /// KEYS: the set. ARGV: the announcement, ms to live.
  static let announce = """
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
    redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
    if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
      redis.call('PEXPIRE', KEYS[1], ARGV[2])
    end
    return redis.status_reply('OK')
    """

  /// The announcements that stand. KEYS: the set.
  static let announced = """
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
    """

  /// Gives a turn to whoever has it already, or to anyone when nobody has.
  ///
  /// KEYS: the turn. ARGV: who, ms that it holds. → 1 or 0.
  static let claimTurn = """
    local holder = redis.call('GET', KEYS[1])
    if holder and holder ~= ARGV[1] then return 0 end
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    return 1
    """

  /// Adds what was granted to what all gateways have granted, by Redis's clock, and tells what that comes to.
  ///
  /// KEYS: whose. ARGV: µs that one takes, the largest debt, then for each how many were granted, since when, and
  /// the debt that the gateway holds. Grants count from when they were made; where nobody else granted any, the
  /// gateway's own debt is exact. → the debts in µs.
  static let settleLimits = """
    local time = redis.call('TIME')
    local now = time[1] * 1000000 + time[2]
    local interval, ceiling = tonumber(ARGV[1]), tonumber(ARGV[2])
    local debts = {}
    for i, key in ipairs(KEYS) do
      local count, age = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
      local held = now + tonumber(ARGV[3 * i + 2])
      local usedUpAt = tonumber(redis.call('GET', key) or 0)
      if count > 0 then usedUpAt = math.max(usedUpAt, now - age) + count * interval end
      usedUpAt = math.min(math.max(usedUpAt, held), now + ceiling)
      if count > 0 and usedUpAt > now then
        local text = string.format('%.3f', usedUpAt)
        redis.call('SET', key, text, 'PX', math.ceil((usedUpAt - now) / 1000))
      end
      debts[i] = string.format('%.3f', usedUpAt - now)
    end
    return debts
    """

  /// An `EVAL` of `script`, to which its arguments are to be appended.
  static func call(_ script: String, keys: [String]) -> RedisCommand {
    var command = RedisCommand("EVAL", script)
    command.append(keys.count)
    for key in keys { command.append(key) }
    return command
  }
}
