-- The live workers of a queue. Writes nothing. Uses: read.lua
--
-- KEYS[1] workers  ZSET  worker id -> unix ms at which its record ends
-- ARGV[1] key prefix: worker  ARGV[2] bytes that a record may have
--
-- Returns { now, record, …, of those alive }; what is no record, or larger, is left out
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local answer = { now }
for _, id in ipairs(read('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf') or {}) do
  local record = read('GET', ARGV[1] .. id)
  if record and #record <= tonumber(ARGV[2]) then
    answer[#answer + 1] = record
  end
end
return answer
