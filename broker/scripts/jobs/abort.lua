#!lua flags=allow-oom
-- Stop a job: a waiting job ends at once, the worker of a running one is notified.
-- Uses: clock.lua (now)
-- Uses: read.lua (read, whole)
-- Uses: drop.lua (drop)
-- Uses: hand.lua (hand_over)
-- Uses: index.lua (list_ended, keep_failure)
-- Uses: activity.lua (count_event, write_counts)
-- Uses: notice.lua (notify)
-- Uses: tries.lua (keep_tries)
--
-- KEYS[1] queue        ZSET    job id -> due time, unix ms
-- KEYS[2] job          STRING  body
-- KEYS[3] result       STRING  result
-- KEYS[4] in-progress  STRING  lease: the token of its claim
-- KEYS[5] retry        STRING  number of tries that were started
-- KEYS[6] abort        ZSET    job id -> time of the request, unix ms
-- KEYS[7] progress     STRING  progress that an earlier try reported
-- KEYS[8] ended        STRING  mark of an end without a kept result (see finish.lua)
-- KEYS[9] wanted       STRING  exists while somebody waits for the outcome
-- KEYS[10] outcome     STRING  an outcome that is not kept, for those who wait
-- KEYS[11] suspect     STRING  see claim.lua
-- KEYS[12] finished    ZSET    job id -> time of its end, unix ms: jobs whose results are kept
-- KEYS[13] failed      ZSET    the same for those that failed
-- KEYS[14] request     STRING  the body, kept as long as the result
-- KEYS[15] listeners   STRING  exists while somebody listens to the queue
-- KEYS[16] pending     ZSET    pending jobs of the key that enqueued it; left out if they are not counted
-- ARGV[1] job id
-- ARGV[2] result to store if the job does not run; '' = the caller saw it running
-- ARGV[3] ms to keep that result (0 = not at all, -1 = for ever)
-- ARGV[4] earliest time for the abort mark, unix ms: the job's enqueue time, which another clock may have set
-- ARGV[5] pub/sub channel on which workers listen
-- ARGV[6] ms to keep the mark of an end without a kept result
-- ARGV[7] start of that mark: 'abort ' and the job's owner; if the result is kept: the note of the failure
-- ARGV[8] ms for which an outcome that is not kept can be fetched
-- ARGV[9] '1' = the job's caller waits for the outcome
-- ARGV[10] key prefix: activity
-- ARGV[11] pub/sub channel of those who listen
-- ARGV[12] most entries of an index, unless it has more already
-- ARGV[13] key prefix: result
-- ARGV[14] function
-- ARGV[15..16] key prefixes: failure, tries
--
-- Returns 1 aborted (also when repeated), 2 requested, 3 finished before, 4 unknown,
--         5 not running: call again with a result, 6 nothing done: the key `abort` holds another type

local id, blob, keep = ARGV[1], ARGV[2], whole(ARGV[3]) or -1

local stored, spoilt = read('GET', KEYS[3])
if stored or spoilt then
  return stored == blob and 1 or 3
end
local queued = read('ZSCORE', KEYS[1], id)
-- (Stock arq leaves the lease of a cron job in place for a minute after the end, when it is no longer queued.)
if queued and redis.call('EXISTS', KEYS[4]) == 1 then
  local marked = redis.pcall('ZADD', KEYS[6], math.max(now, whole(ARGV[4]) or 0), id)
  if type(marked) == 'table' then
    return 6
  end
  redis.call('PUBLISH', ARGV[5], id)
  return 2
end
if not queued then
  local ended = keep == 0 and read('GET', KEYS[8])
  return ended and string.sub(ended, 1, 6) == 'abort ' and 1 or 4
end
if blob == '' then
  return 5
end
if keep > 0 then
  redis.call('SET', KEYS[3], blob, 'PX', keep)
elseif keep < 0 then
  redis.call('SET', KEYS[3], blob)
else
  redis.call('SET', KEYS[8], ARGV[7] .. redis.sha1hex(read('GET', KEYS[2]) or ''), 'PX', ARGV[6])
  if ARGV[9] == '1' or redis.call('EXISTS', KEYS[9]) == 1 then
    hand_over(KEYS[9], KEYS[10], KEYS[3], blob, ARGV[8])
  end
end
if keep ~= 0 then
  keep_failure(KEYS[2], KEYS[14], keep, ARGV[15] .. id, ARGV[7])
  for _, index in ipairs({ KEYS[12], KEYS[13] }) do
    -- The caller's limit may be lower than that of the workers, which keep the index: it does not get shorter.
    local most = math.max(tonumber(ARGV[12]), read('ZCARD', index) or 0)
    list_ended(index, { now, id }, keep, most, ARGV[13])
  end
end
keep_tries(ARGV[16] .. id, keep)
redis.call('DEL', KEYS[2], KEYS[5], KEYS[7], KEYS[11])
drop(KEYS[4])
redis.call('ZREM', KEYS[1], id)
redis.pcall('ZREM', KEYS[6], id)
if KEYS[16] then
  read('ZREM', KEYS[16], id)
end
count_event('aborted', ARGV[14])
write_counts(ARGV[10])
notify(KEYS[15], ARGV[11], 'finished', { id })
return 1
