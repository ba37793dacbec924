#!lua flags=allow-oom
-- Return a job to the queue for a later try; the current try counts.
-- Uses: read.lua (read, whole)
-- Uses: lease.lua (held)
-- Uses: clock.lua (now)
-- Uses: wake.lua (wake_one)
-- Uses: drop.lua (drop)
-- Uses: activity.lua (count_event, write_counts)
-- Uses: notice.lua (notify)
-- Uses: tries.lua (keep_try)
--
-- KEYS[1] queue        ZSET    job id -> due time, unix ms
-- KEYS[2] wake         LIST    at most one token
-- KEYS[3] job          STRING  body; its ttl starts again, so that long chains of retries do not expire (arq #320)
-- KEYS[4] in-progress  STRING  lease: the token of its claim
-- KEYS[5] retry        STRING  number of tries that were started
-- KEYS[6] listeners    STRING  exists while somebody listens to the queue
-- KEYS[7] tries        LIST    the tries that were followed by another one (earlier_tries.py)
-- ARGV[1] job id
-- ARGV[2] token
-- ARGV[3] tries
-- ARGV[4] ms from now until the next try; '' = at its old place
-- ARGV[5] its due time before the claim, unix ms
-- ARGV[6] ttl in ms after the due time
-- ARGV[7] number of the current try; more than ARGV[3] if a stock arq producer set the first one
-- ARGV[8] key prefix: activity
-- ARGV[9] pub/sub channel of those who listen
-- ARGV[10] function
-- ARGV[11] entry of the current try without the time of its end; '' = none is kept
-- ARGV[12] most entries
--
-- Returns 1 done (also when repeated), 0 stale

local id, token, tries, count = ARGV[1], ARGV[2], ARGV[3], ARGV[7]

if not held(KEYS[1], KEYS[4], KEYS[5], id, token, tries) then
  local score = tonumber(redis.call('ZSCORE', KEYS[1], id))
  local retried = score and score - math.floor(score) == 0.5 and redis.call('EXISTS', KEYS[4]) == 0
  return retried and read('GET', KEYS[5]) == count and 1 or 0
end
-- The half millisecond lets a repeated call see that this was done; no lease has it as its mark.
local due = (ARGV[4] ~= '' and now + whole(ARGV[4]) or math.floor(tonumber(ARGV[5]))) + 0.5
local ttl = math.ceil(math.max(due - now, 0) + whole(ARGV[6]))
redis.call('ZADD', KEYS[1], due, id)
drop(KEYS[4])
redis.call('PEXPIRE', KEYS[3], ttl, 'GT')
redis.call('SET', KEYS[5], count, 'PX', ttl)
if ARGV[11] ~= '' then
  keep_try(KEYS[7], now, ARGV[11], ARGV[12], ttl)
end
count_event('retried', ARGV[10])
write_counts(ARGV[8])
notify(KEYS[6], ARGV[9], 'retried', { id })
wake_one(KEYS[2])
return 1
