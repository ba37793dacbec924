#!lua flags=allow-oom
-- Take back a running job whose lease Redis lost, because it lost its last writes or all of its data. The job must
-- not have ended, and nobody else may run it.
-- Uses: read.lua (read, whole)
-- Uses: lease.lua (held, mark_of)
-- Uses: clock.lua (now)
--
-- KEYS[1] queue        ZSET    job id -> due time, unix ms; raised to the end of the lease plus its mark
-- KEYS[2] job          STRING  body; restored with the rest if Redis lost all of its data
-- KEYS[3] result       STRING  result
-- KEYS[4] in-progress  STRING  lease: the token of its claim
-- KEYS[5] retry        STRING  number of tries that were started
-- KEYS[6] ended        STRING  mark of an end without a kept result (see finish.lua)
-- KEYS[7] epoch        STRING  name of the data set
-- ARGV[1] job id
-- ARGV[2] token
-- ARGV[3] tries
-- ARGV[4] body as claimed
-- ARGV[5] name of the data set at the time of the claim; '' = unknown
-- ARGV[6] lease in ms
-- ARGV[7] ttl in ms for body and count of tries
--
-- Returns 1 taken back (also when repeated), 0 lost

local id, token, tries, body, data_set = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local lease, ttl = tonumber(ARGV[6]), ARGV[7]

if held(KEYS[1], KEYS[4], KEYS[5], id, token, tries) then
  return 1
end
if redis.call('EXISTS', KEYS[3], KEYS[4], KEYS[6]) > 0 then
  return 0
end
local stored, spoilt = read('GET', KEYS[2])
local queued = redis.call('ZSCORE', KEYS[1], id)
local count = whole(read('GET', KEYS[5]) or '0')
-- Redis holds the state before the claim; if another worker had claimed the job since, that would have counted a try.
local unclaimed = queued and stored == body and count and count < tonumber(tries)
local swept = data_set ~= '' and read('GET', KEYS[7]) ~= data_set
local gone = swept and not stored and not spoilt and not queued and count == 0
if not unclaimed and not gone then
  return 0
end
redis.call('ZADD', KEYS[1], now + lease + mark_of(token), id)
redis.call('SET', KEYS[4], token, 'PX', lease)
redis.call('SET', KEYS[5], tries, 'PX', ttl)
if gone then
  redis.call('SET', KEYS[2], body, 'PX', ttl)
end
return 1
