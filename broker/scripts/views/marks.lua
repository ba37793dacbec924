-- Read what identifies the state of 1…n jobs at one moment. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
-- Uses: brief.lua (brief_of, value_of)
--
-- KEYS[1]     epoch   STRING  name of the data set
-- KEYS[2…]    the queues to look in (ZSET)
-- ARGV[1..5]  key prefixes: job, result, in-progress, retry, retried
-- then for each queue its key prefix: progress
-- then the ids of the jobs
--
-- Returns { now, name of the data set or false,
--           for each job { mark of the body, mark of the result, token, tries, position of the queue or 0, due time,
--           progress, id of the job as which it was run again } }, as view.lua in its brief form. Of a job that has a result only that is read.

local job, result, in_progress, retry = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local queues = #KEYS - 1

local function state_of(id)
  local ended = brief_of(result .. id)
  if ended then
    return { false, ended, false, false, 0, false, false, value_of(ARGV[5] .. id) }
  end
  local state = { brief_of(job .. id), false, value_of(in_progress .. id), value_of(retry .. id), 0, false, false, false }
  for at = 1, queues do
    local score = read('ZSCORE', KEYS[at + 1], id)
    if score then
      state[5], state[6], state[7] = at, score, value_of(ARGV[5 + at] .. id)
      break
    end
  end
  return state
end

local answer = { now, value_of(KEYS[1]) }
for at = 6 + queues, #ARGV do
  answer[#answer + 1] = state_of(ARGV[at])
end
return answer
