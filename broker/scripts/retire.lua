#!lua flags=allow-oom
-- A worker takes its leave. The last one takes the shared health line along. Uses: read.lua
--
-- KEYS[1] workers  ZSET    worker id -> unix ms at which its record ends
-- KEYS[2] worker   STRING  its record
-- KEYS[3] claim    STRING  its last claim
-- KEYS[4] health   STRING  the health line that it writes
-- ARGV[1] worker id  ARGV[2] key prefix: worker  ARGV[3] where workers write that line by default
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- A record that cannot be read counts as one of a worker that does.
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
redis.call('DEL', KEYS[2], KEYS[3])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')) do
  if writes_the_line(id) then
    return 1
  end
end
-- A line that this worker's settings name may be somebody's queue by now.
if read('GET', KEYS[4]) then
  redis.call('DEL', KEYS[4])
end
return 1
