-- Read ids of one queue in the order of their scores, or backwards: jobs that wait or run. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: member_order.lua (is_before)
--
-- KEYS[1] queue  ZSET  job id -> due time, unix ms; while the job runs: the end of its lease
-- ARGV[1] key prefix: in-progress
-- ARGV[2..3] lowest and highest score
-- ARGV[4..5] score and id of the last entry that was read; '' = start at the lowest score, backwards at the highest
-- ARGV[6] number of ids to return at most
-- ARGV[7] number of entries to look at at most
-- ARGV[8] status of the jobs to return: deferred, queued, in_progress; '' = all
-- ARGV[9] '1' = backwards
--
-- Returns { score and id of the last entry that was looked at ('' = no more), then for each job its score and id }
--
-- A job that stays in its place is returned once. One that is claimed moves to the end of its lease.

local queue, last_score, last_id, status = KEYS[1], ARGV[4], ARGV[5], ARGV[8]
local most, looks, backwards = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[9] == '1'

-- The number of entries before one that may have been removed since; with `itself` that one counts.
local function number_before(score, id, itself)
  local low = redis.call('ZCOUNT', queue, '-inf', '(' .. score)
  local high = low + redis.call('ZCOUNT', queue, score, score)
  while low < high do
    local middle = math.floor((low + high) / 2)
    local member = redis.call('ZRANGE', queue, middle, middle)[1]
    if is_before(member, id) or (itself and member == id) then
      low = middle + 1
    else
      high = middle
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

-- The entries to look at.
local function entries_here()
  if backwards then
    local place = last_score == '' and redis.call('ZCOUNT', queue, '-inf', ARGV[3]) or number_before(last_score, last_id)
    local first = redis.call('ZCARD', queue) - place
    return redis.call('ZREVRANGE', queue, first, first + looks - 1, 'WITHSCORES')
  end
  local first = last_score == '' and redis.call('ZCOUNT', queue, '-inf', '(' .. ARGV[2])
    or number_before(last_score, last_id, true)
  return redis.call('ZRANGE', queue, first, first + looks - 1, 'WITHSCORES')
end

local answer = { '', '' }
local function without_more()
  answer[1], answer[2] = '', ''
  return answer
end

local entries = entries_here()
for at = 1, #entries, 2 do
  local id, score = entries[at], tonumber(entries[at + 1])
  if score > tonumber(ARGV[3]) or score < tonumber(ARGV[2]) then
    return without_more()
  end
  answer[1], answer[2] = entries[at + 1], id
  if is_wanted(id, score) then
    answer[#answer + 1], answer[#answer + 2] = entries[at + 1], id
    if #answer - 2 >= 2 * most then
      return answer
    end
  end
end
return #entries < 2 * looks and without_more() or answer
