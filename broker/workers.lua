-- The live workers of a queue. Writes nothing.
--
-- KEYS[1] workers  ZSET  worker id -> unix ms at which its record ends
-- ARGV[1] key prefix: worker
--
-- Returns { now, record, …, of those alive }
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local answer = { now }
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')) do
  local record = redis.call('GET', ARGV[1] .. id)
  if record then
    answer[#answer + 1] = record
  end
end
return answer
