-- Look at one job, all of it at one moment. Writes nothing. Uses: read.lua
--
-- KEYS[1] job  KEYS[2] result  KEYS[3] in-progress  KEYS[4] retry  KEYS[5] outcome that is not kept   STRING
-- KEYS[6] epoch   STRING  name of the data set
-- KEYS[7…]  pairs: a queue to look in (ZSET), progress in that queue (STRING)
-- ARGV[1]   id
-- ARGV[2]   `brief`: of job and result not the values but their marks, `<length>:<last 256 bytes>`. They hold the
--           times and the request token, so that another job of this id has others.
--           `handed`: where nothing else is left of the job, its outcome that is not kept stands for its result
-- ARGV[3]   the owner, or '' = any: a job that cannot be this owner's is not read, and answered as an unknown one
-- ARGV[4]   bytes at the end of a stored job or result that hold its owner
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

-- Whether the owner may stand there. What this costs does not depend on the job.
local function may_name_owner(key)
  local first = read('GETRANGE', key, 0, 0)
  local tail = read('GETRANGE', key, -ARGV[4], -1)
  -- A pickle may hold its owner anywhere.
  return first == '\128' or (tail and string.find(tail, ARGV[3], 1, true) ~= nil)
end

local function is_anothers()
  local answer = ARGV[3] ~= ''
  for _, key in ipairs(answer and { KEYS[1], KEYS[2], KEYS[5] } or {}) do
    answer = not may_name_owner(key) and answer
  end
  return answer
end

local answer = { now, false, false, false, false, 0, false, false, stored(KEYS[6]) }
if is_anothers() then
  return answer
end
local body = ARGV[2] == 'brief' and mark or stored
answer[2], answer[3], answer[4], answer[5] = body(KEYS[1]), body(KEYS[2]), stored(KEYS[3]), stored(KEYS[4])
for at = 7, #KEYS, 2 do
  local score = read('ZSCORE', KEYS[at], ARGV[1])
  if score then
    answer[6], answer[7] = (at - 5) / 2, score
    answer[8] = stored(KEYS[at + 1])
    break
  end
end
if ARGV[2] == 'handed' and not (answer[2] or answer[3] or answer[4] or answer[7]) then
  answer[3] = stored(KEYS[5])
end
return answer
