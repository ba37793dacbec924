-- Read 1…n jobs of one queue at one moment, until they have more than so many bytes. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
-- Uses: brief.lua (value_of)
-- Uses: owner.lua (may_name_owner)
--
-- KEYS[1] queue  ZSET    job id -> due time, unix ms; while the job runs: the end of its lease
-- KEYS[2] epoch  STRING  name of the data set
-- ARGV[1..6] key prefixes: job, result, in-progress, retry, progress, retried
-- ARGV[7] owner, '' = any: jobs that cannot be this owner's are not read and look unknown
-- ARGV[8] number of bytes at the end of a stored job or result that contain its owner
-- ARGV[9] bytes of bodies and results after which to stop
-- then the ids of the jobs
--
-- Returns { now, name of the data set or false, then for each job that was read, at least one: { body, result, token,
--           tries, 1 if it is in the queue or 0, due time, progress, the job as which it was run again } }, as view.lua

local job, result, in_progress, retry, progress, retried = unpack(ARGV, 1, 6)
local owner, within, most = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local total = 0

local function weighed(value)
  total = total + (value and #value or 0)
  return value
end

local function is_anothers(id)
  return owner ~= '' and not (may_name_owner(job .. id, owner, within) or may_name_owner(result .. id, owner, within))
end

local function state_of(id)
  if is_anothers(id) then
    return { false, false, false, false, 0, false, false, false }
  end
  local score = read('ZSCORE', KEYS[1], id)
  local ended = weighed(value_of(result .. id))
  return {
    weighed(value_of(job .. id)), ended, value_of(in_progress .. id), value_of(retry .. id), score and 1 or 0, score,
    score and value_of(progress .. id), ended and value_of(retried .. id),
  }
end

local answer = { now, value_of(KEYS[2]) }
for at = 10, #ARGV do
  if total > most then
    break
  end
  answer[#answer + 1] = state_of(ARGV[at])
end
return answer
