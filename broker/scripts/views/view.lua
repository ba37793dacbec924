-- Read everything about one job at one moment. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
-- Uses: brief.lua (brief_of, value_of)
-- Uses: owner.lua (may_name_owner)
--
-- KEYS[1] job          STRING  body
-- KEYS[2] result       STRING  result
-- KEYS[3] in-progress  STRING  lease: the token of its claim
-- KEYS[4] retry        STRING  number of tries that were started
-- KEYS[5] outcome      STRING  an outcome that is not kept
-- KEYS[6] epoch        STRING  name of the data set
-- KEYS[7] retried      STRING  the job as which it was run again
-- KEYS[8…]  pairs: a queue to look in (ZSET), progress in that queue (STRING)
-- ARGV[1]   job id
-- ARGV[2]   'whole', or
--           'brief': marks of body and result instead of their values, see brief.lua. Or
--           'handed': like 'whole', but if nothing else is left of the job its outcome stands for its result
-- ARGV[3]   owner, '' = any: a job that cannot be this owner's is not read and is returned as unknown
-- ARGV[4]   number of bytes at the end of a stored job or result that contain its owner
--
-- Returns { now, body or false, result or false, token or false, tries or false, position of the queue or 0,
--           due time or false, progress or false, id of the job as which it was run again or false,
--           name of the data set or false };
--           '' stands for a key that holds another type of value

local function is_anothers()
  local answer = ARGV[3] ~= ''
  for _, key in ipairs(answer and { KEYS[1], KEYS[2], KEYS[5] } or {}) do
    answer = not may_name_owner(key, ARGV[3], ARGV[4]) and answer
  end
  return answer
end

local answer = { now, false, false, false, false, 0, false, false, false, value_of(KEYS[6]) }
if is_anothers() then
  return answer
end
local body = ARGV[2] == 'brief' and brief_of or value_of
answer[2], answer[3], answer[4], answer[5] = body(KEYS[1]), body(KEYS[2]), value_of(KEYS[3]), value_of(KEYS[4])
if answer[3] then
  answer[9] = value_of(KEYS[7])
end
for at = 8, #KEYS, 2 do
  local score = read('ZSCORE', KEYS[at], ARGV[1])
  if score then
    answer[6], answer[7] = (at - 6) / 2, score
    answer[8] = value_of(KEYS[at + 1])
    break
  end
end
if ARGV[2] == 'handed' and not (answer[2] or answer[3] or answer[4] or answer[7]) then
  answer[3] = value_of(KEYS[5])
end
return answer
