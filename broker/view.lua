-- Look at one job, all of it at one moment. Writes nothing. Uses: read.lua
--
-- KEYS[1] job  KEYS[2] result  KEYS[3] in-progress  KEYS[4] retry   STRING
-- KEYS[5] epoch   STRING  name of the data set
-- KEYS[6…]  pairs: a queue to look in (ZSET), progress in that queue (STRING)
-- ARGV[1]   id
-- ARGV[2]   `brief`: of job and result not the values but their marks, `<length>:<last 256 bytes>`. They hold the
--           times and the request token, so that another job of this id has others.
--
-- Returns { now, body or false, result or false, token or false, tries or false, position of the queue or 0, due time or false,
--           progress or false, name of the data set or false }; an empty text stands for a key that is there, but of another kind
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function stored(key)
  local value, spoilt = read('GET', key)
  return spoilt and '' or value
end

local function mark(key)
  local length, spoilt = read('STRLEN', key)
  if spoilt then
    return ''
  end
  return length > 0 and length .. ':' .. redis.call('GETRANGE', key, -256, -1)
end

local body = ARGV[2] == 'brief' and mark or stored
local answer = { now, body(KEYS[1]), body(KEYS[2]), stored(KEYS[3]), stored(KEYS[4]), 0, false, false, stored(KEYS[5]) }
for at = 6, #KEYS, 2 do
  local score = read('ZSCORE', KEYS[at], ARGV[1])
  if score then
    answer[6], answer[7] = (at - 4) / 2, score
    answer[8] = stored(KEYS[at + 1])
    break
  end
end
return answer
