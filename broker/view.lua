-- Look at one job, all of it at one moment. Writes nothing.
--
-- KEYS[1] job  KEYS[2] result  KEYS[3] in-progress  KEYS[4] retry   STRING
-- KEYS[5…]  pairs: a queue to look in (ZSET), progress in that queue (STRING)
-- ARGV[1]   id
--
-- Returns { now, body or false, result or false, token or false, tries or false, position of the queue or 0, due time or false,
--           progress or false }
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local answer = {
  now,
  redis.call('GET', KEYS[1]),
  redis.call('GET', KEYS[2]),
  redis.call('GET', KEYS[3]),
  redis.call('GET', KEYS[4]),
  0,
  false,
  false,
}
for at = 5, #KEYS, 2 do
  local score = redis.call('ZSCORE', KEYS[at], ARGV[1])
  if score then
    answer[6], answer[7] = (at - 3) / 2, score
    answer[8] = redis.call('GET', KEYS[at + 1])
    break
  end
end
return answer
