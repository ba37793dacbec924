-- Count the jobs of 1…n queues by status, some at a time. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read, whole)
--
-- KEYS, for each queue:
--   queue    ZSET    job id -> due time, unix ms
--   workers  ZSET    worker id -> unix ms at which its record expires
--   paused   STRING  exists while the queue is paused: start of the pause, unix ms
--   health   STRING  the health line that arq's workers share
-- ARGV[1] key prefix: in-progress
-- ARGV[2] longest lease in ms
-- ARGV[3] ids to look at in each window
--
-- Returns a list with one entry for each queue. It may end before the last queue: call again for the rest. An entry is
--   false if the queue's key holds another type of value, else
--   { queued, deferred, in progress, age of the oldest due job in ms, live workers, 1 = paused,
--     1 = health line exists, start of the pause in unix ms or nil }
--
-- Running jobs stay in the queue: those of jobgate with a score within one lease from now, those of stock arq with
-- the lowest scores. The script looks through at most ARGV[3] ids in each of these two windows, and stops after a queue
-- when it has looked at so many, which bounds the cost.

local window, looked = tonumber(ARGV[3]), 0

-- Jobs that are looked at with one command.
local AT_A_TIME = 100

-- The number of jobs that run, of those due in a window, and when the first of the others is due or false.
local function running(queue, from, to)
  local found, oldest = 0, false
  local ids = redis.call('ZRANGEBYSCORE', queue, from, to, 'WITHSCORES', 'LIMIT', 0, window)
  looked = looked + #ids / 2
  for first = 1, #ids, 2 * AT_A_TIME do
    local locks = {}
    for at = first, math.min(first + 2 * AT_A_TIME, #ids) - 1, 2 do
      locks[#locks + 1] = ARGV[1] .. ids[at]
    end
    local exist = redis.call('EXISTS', unpack(locks))
    found = found + exist
    for at = 1, (oldest or exist == #locks) and 0 or #locks do
      if redis.call('EXISTS', locks[at]) == 0 then
        oldest = tonumber(ids[first + 2 * at - 1])
        break
      end
    end
  end
  return found, oldest
end

local function depth_of(queue, workers, paused, health)
  local due = read('ZCOUNT', queue, '-inf', now)
  if not due then
    return false
  end
  local later = redis.call('ZCOUNT', queue, '(' .. now, '+inf')
  local running_due, oldest = running(queue, '-inf', now)
  local running_later = running(queue, '(' .. now, now + tonumber(ARGV[2]))
  return {
    due - running_due,
    later - running_later,
    running_due + running_later,
    oldest and math.min(math.max(now - oldest, 0), 2 ^ 53) or 0,
    read('ZCOUNT', workers, '(' .. now, '+inf') or 0,
    redis.call('EXISTS', paused),
    redis.call('EXISTS', health),
    whole(read('GET', paused) or '') or false,
  }
end

local answer = {}
for at = 1, #KEYS, 4 do
  answer[#answer + 1] = depth_of(KEYS[at], KEYS[at + 1], KEYS[at + 2], KEYS[at + 3])
  if looked >= window then
    break
  end
end
return answer
