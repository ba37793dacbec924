-- Count the jobs of a queue by status. Writes nothing. Uses: read.lua
-- Running jobs are members of the queue too: those of jobgate have a score within one lease from now, those
-- of stock arq the lowest scores. Both windows are looked through up to ARGV[3] ids, so the cost is bounded.
--
-- KEYS[1] queue    ZSET  job id -> due time, unix ms
-- KEYS[2] workers  ZSET  worker id -> unix ms at which its record ends
-- KEYS[3] paused   STRING there while the queue gives no jobs
-- KEYS[4] health   STRING the health line that arq's workers share
-- ARGV[1] key prefix: in-progress
-- ARGV[2] longest lease in ms
-- ARGV[3] ids to look at in each window
--
-- Returns { queued, deferred, in progress, age of the oldest due job in ms, live workers, 1 = paused,
--           1 = health line there }
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local queue, window = KEYS[1], tonumber(ARGV[3])

local function running(from, to)
  local found, oldest = 0, false
  local ids = redis.call('ZRANGEBYSCORE', queue, from, to, 'WITHSCORES', 'LIMIT', 0, window)
  for at = 1, #ids, 2 do
    if redis.call('EXISTS', ARGV[1] .. ids[at]) == 1 then
      found = found + 1
    else
      oldest = oldest or tonumber(ids[at + 1])
    end
  end
  return found, oldest
end

local due = redis.call('ZCOUNT', queue, '-inf', now)
local later = redis.call('ZCOUNT', queue, '(' .. now, '+inf')
local running_due, oldest = running('-inf', now)
local running_later = running('(' .. now, now + tonumber(ARGV[2]))
return {
  due - running_due,
  later - running_later,
  running_due + running_later,
  oldest and math.min(math.max(now - oldest, 0), 2 ^ 53) or 0,
  read('ZCOUNT', KEYS[2], '(' .. now, '+inf') or 0,
  redis.call('EXISTS', KEYS[3]),
  redis.call('EXISTS', KEYS[4]),
}
