#!lua flags=allow-oom
-- Stop a job wherever it is: finished on the spot unless it runs, else its worker is told. Uses: read.lua, drop.lua, hand.lua
--
-- KEYS[1] queue        ZSET    job id -> due time
-- KEYS[2] job          STRING  body
-- KEYS[3] result       STRING  result
-- KEYS[4] in-progress  STRING  lease
-- KEYS[5] retry        STRING  count of tries
-- KEYS[6] abort        ZSET    job id -> time of the request
-- KEYS[7] progress     STRING  what an earlier try said
-- KEYS[8] ended        STRING  mark of an end without a result
-- KEYS[9] wanted       STRING  there while somebody waits
-- KEYS[10] outcome     STRING  an outcome that is not kept, for those who wait
-- KEYS[11] suspect     STRING  see claim.lua
-- ARGV[1] id
-- ARGV[2] result to store if it does not run, or '' = the caller thinks that it runs
-- ARGV[3] ms to keep that result (0 = not at all, -1 = for ever)
-- ARGV[4] earliest time of the mark, unix ms: not before the job was enqueued, by whatever clock
-- ARGV[5] channel on which workers listen
-- ARGV[6] ms that the mark of an end without a result is kept
-- ARGV[7] what that mark begins with: 'abort ' and whose job it is
-- ARGV[8] ms that an outcome which is not kept can be fetched
-- ARGV[9] '1' = its caller waits
--
-- Returns 1 aborted (also when repeated)  2 requested  3 finished before  4 unknown
--         5 does not run: call with a result  6 nothing done: the key of the marks is of another kind
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local id, blob, keep = ARGV[1], ARGV[2], whole(ARGV[3]) or -1

local stored, spoilt = read('GET', KEYS[3])
if stored or spoilt then
  return stored == blob and 1 or 3
end
local queued = read('ZSCORE', KEYS[1], id)
-- (Stock arq leaves the lease of a cron job for a minute after its end.)
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
redis.call('DEL', KEYS[2], KEYS[5], KEYS[7], KEYS[11])
drop(KEYS[4])
redis.call('ZREM', KEYS[1], id)
redis.pcall('ZREM', KEYS[6], id)
return 1
