-- Look at one job, all of it at one moment. Writes nothing. Uses: read.lua
--
-- KEYS[1] job  KEYS[2] result  KEYS[3] in-progress  KEYS[4] retry   STRING
-- KEYS[5…]  pairs: a queue to look in (ZSET), progress in that queue (STRING)
-- ARGV[1]   id
--
-- Returns { now, body or false, result or false, token or false, tries or false, position of the queue or 0, due time or false,
--           progress or false }; an empty text stands for a key that is there, but of another kind
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function stored(key)
  local value, spoilt = read('GET', key)
  return spoilt and '' or value
end

local answer = { now, stored(KEYS[1]), stored(KEYS[2]), stored(KEYS[3]), stored(KEYS[4]), 0, false, false }
for at = 5, #KEYS, 2 do
  local score = read('ZSCORE', KEYS[at], ARGV[1])
  if score then
    answer[6], answer[7] = (at - 3) / 2, score
    answer[8] = stored(KEYS[at + 1])
    break
  end
end
return answer
