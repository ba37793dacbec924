-- Prelude: which queues are in use, so that nobody has to look through all keys for them.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)

-- Note that the queues from `names[first]` on are in use. A queue is forgotten after a day without use; beyond 1,000
-- queues, those that were unused for longest are dropped. It never fails: a key of another type is left alone.
local function note_queues(key, names, first)
  local day = 86400000
  if not read('ZREMRANGEBYSCORE', key, '-inf', now - day) then
    return
  end
  for at = first, #names do
    redis.call('ZADD', key, now, names[at])
  end
  local surplus = redis.call('ZCARD', key) - 1000
  if surplus > 0 then
    for _, name in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', '+inf', 'LIMIT', 0, surplus)) do
      redis.call('ZREM', key, name)
    end
  end
  redis.call('PEXPIRE', key, day)
end
