#!lua flags=allow-oom
-- Take a running job back whose lease Redis has forgotten: it lost its last writes, or all of its data.
-- Nobody else must run the job, and it must not have ended. Uses: read.lua, lease.lua
--
-- KEYS[1] queue        ZSET    job id -> due time; raised to the end of the lease, with its mark
-- KEYS[2] job          STRING  body; put back with the rest where Redis has lost all of its data
-- KEYS[3] result       STRING  result
-- KEYS[4] in-progress  STRING  lease
-- KEYS[5] retry        STRING  count of tries
-- KEYS[6] ended        STRING  mark of an end without a result
-- KEYS[7] epoch        STRING  name of the data set
-- ARGV[1] id  ARGV[2] token  ARGV[3] tries  ARGV[4] body as claimed
-- ARGV[5] name of the data set at the claim, or '' = unknown
-- ARGV[6] lease in ms  ARGV[7] ttl in ms that body and count of tries get
--
-- Returns 1 it is ours (also when repeated), 0 it is lost
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
-- As before the claim: a later one would have counted.
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
