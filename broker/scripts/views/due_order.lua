-- Read ids of one queue in the order of their scores: jobs that wait or run. Writes nothing.
-- Uses: clock.lua (now)
--
-- KEYS[1] queue  ZSET  job id -> due time, unix ms; while the job runs: the end of its lease
-- ARGV[1] key prefix: in-progress
-- ARGV[2..3] lowest and highest score
-- ARGV[4..5] score and id of the last entry that was read; '' = start with the lowest score
-- ARGV[6] number of ids to return at most
-- ARGV[7] number of entries to look at at most
-- ARGV[8] status of the jobs to return: deferred, queued, in_progress; '' = all
--
-- Returns { score and id of the last entry that was looked at ('' = no more), then the ids }
--
-- A job that stays in its place is returned once. One that is claimed moves to the end of its lease.

local queue, highest, last_score, last_id, status = KEYS[1], tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[8]
local most, looks = tonumber(ARGV[6]), tonumber(ARGV[7])

-- Whether a member comes after another one of the same score. (Lua's own comparison depends on the locale.)
local function is_after(one, other)
  for at = 1, math.min(#one, #other) do
    local difference = string.byte(one, at) - string.byte(other, at)
    if difference ~= 0 then
      return difference > 0
    end
  end
  return #one > #other
end

-- The rank of the first entry after the last one that was read, which may have been removed since.
local function rank_after(score, id)
  local low = redis.call('ZCOUNT', queue, '-inf', '(' .. score)
  local high = low + redis.call('ZCOUNT', queue, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_after(redis.call('ZRANGE', queue, middle, middle)[1], id) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

local function is_wanted(id, score)
  if status == '' then
    return true
  elseif redis.call('EXISTS', ARGV[1] .. id) == 1 then
    return status == 'in_progress'
  end
  return status == (score > now and 'deferred' or 'queued')
end

local first
if last_score == '' then
  first = redis.call('ZCOUNT', queue, '-inf', '(' .. ARGV[2])
else
  first = rank_after(last_score, last_id)
end
local answer = { '', '' }
local entries = redis.call('ZRANGE', queue, first, first + looks - 1, 'WITHSCORES')
for at = 1, #entries, 2 do
  local id, score = entries[at], tonumber(entries[at + 1])
  if score > highest then
    answer[1], answer[2] = '', ''
    return answer
  end
  answer[1], answer[2] = entries[at + 1], id
  if is_wanted(id, score) then
    answer[#answer + 1] = id
    if #answer - 2 >= most then
      return answer
    end
  end
end
if #entries < 2 * looks then
  answer[1], answer[2] = '', ''
end
return answer
