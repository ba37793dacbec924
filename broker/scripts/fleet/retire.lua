#!lua flags=allow-oom
-- Remove a worker from a queue. The last worker that writes a health line also removes that line.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- KEYS[1] workers  ZSET    worker id -> unix ms at which its record expires
-- KEYS[2] worker   STRING  its record
-- KEYS[3] claim    STRING  its last claim
-- KEYS[4] health   STRING  the health line that it writes
-- KEYS[5] vitals   STRING  what it does
-- ARGV[1] worker id
-- ARGV[2] key prefix: worker
-- ARGV[3] key of the health line that workers write by default
--
-- Returns 1
-- A worker whose record cannot be read is assumed to write it.

local function writes_the_line(id)
  local stored, spoilt = read('GET', ARGV[2] .. id)
  if not stored then
    return spoilt
  end
  local known, record = pcall(cjson.decode, string.match(stored, ' (.*)$') or '')
  if not known or type(record) ~= 'table' then
    return true
  end
  local key = record.health_key
  return (type(key) == 'string' and key or ARGV[3]) == KEYS[4]
end

redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2], KEYS[3], KEYS[5])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')) do
  if writes_the_line(id) then
    return 1
  end
end
-- The key comes from the worker's settings and may hold something else, such as a queue.
if read('GET', KEYS[4]) then
  redis.call('DEL', KEYS[4])
end
return 1
