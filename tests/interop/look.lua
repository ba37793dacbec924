-- All keys at one moment. Writes nothing.
--
-- Returns for each key { name, type, ms to live, the string or members and scores }
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key)['ok']
  local value = kind == 'string' and redis.call('GET', key)
    or kind == 'zset' and redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    or {}
  found[#found + 1] = { key, kind, redis.call('PTTL', key), value }
end
return found
