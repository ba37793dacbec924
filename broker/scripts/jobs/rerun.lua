-- Run a finished job again: as a new job with the same arguments. A job can be run again once; whoever repeats the
-- request gets the same new job.
-- Uses: clock.lua (now)
-- Uses: read.lua (read, whole)
-- Uses: put.lua (make_sure, put)
-- Uses: limits.lua (limits_of, check_limits, write_limits, add_pending)
-- Uses: wake.lua (wake_one)
-- Uses: activity.lua (count_event, write_counts)
-- Uses: notice.lua (notify)
--
-- KEYS[1] queue      ZSET    job id -> due time, unix ms
-- KEYS[2] wake       LIST    at most one token
-- KEYS[3] abort      ZSET    job id -> time of the request, unix ms
-- KEYS[4] result     STRING  result of the finished job
-- KEYS[5] retried    STRING  id of the job as which it was run again; lives as long as the result
-- KEYS[6] job        STRING  body of the new job
-- KEYS[7] taken      STRING  result of the new job
-- KEYS[8] ended      STRING  mark of an end of the new job without a kept result
-- KEYS[9] listeners  STRING  exists while somebody listens to the queue
-- KEYS[10] rate     STRING  of the key that asks for it, see limits.lua
-- KEYS[11] pending  ZSET    of the key that asks for it
-- ARGV[1] id of the new job, which nobody else can know
-- ARGV[2] its body
-- ARGV[3] SHA-1 of the result, by which it is known to be the same job's
-- ARGV[4] ttl of the body in ms
-- ARGV[5] key prefix: activity
-- ARGV[6] pub/sub channel of those who listen
-- ARGV[7] function
-- ARGV[8] limits of the key (limits.lua) or ''
-- ARGV[9] key prefix: job
--
-- Returns { code, due time in unix ms, id of the new job }:
--   1 created (also when repeated), 2 it was run again before, 3 the job or its result has changed: look again,
--   6 over the key's rate, 7 too many jobs of the key have not ended
-- and of a key with a rate { …, ms to wait, jobs that are left, ms until the whole burst is free }
--
-- No flag allow-oom: a full Redis refuses new jobs.

local id, body = ARGV[1], ARGV[2]
local result = read('GET', KEYS[4])
if not result or redis.sha1hex(result) ~= ARGV[3] then
  return { 3, 0, id }
end
local known = read('GET', KEYS[5])
if known then
  return { known == id and 1 or 2, now, known }
end
if redis.call('EXISTS', KEYS[6], KEYS[7], KEYS[8]) > 0 then
  return { 3, 0, id }
end
make_sure(KEYS[1])
local rate, pending = limits_of(ARGV[8])
local code, allowance = check_limits(KEYS[10], rate, KEYS[11], pending, ARGV[9])
if code > 0 then
  return { code, now, id, unpack(allowance or {}) }
end
put(KEYS[1], KEYS[3], KEYS[6], id, body, now, whole(ARGV[4]))
local left = redis.call('PTTL', KEYS[4])
if left > 0 then
  redis.call('SET', KEYS[5], id, 'PX', left)
else
  redis.call('SET', KEYS[5], id)
end
if pending then
  add_pending(KEYS[11], id, whole(ARGV[4]))
end
write_limits()
count_event('enqueued', ARGV[7])
write_counts(ARGV[5])
notify(KEYS[9], ARGV[6], 'enqueued', { id })
wake_one(KEYS[2])
return { 1, now, id, unpack(allowance or {}) }
