#!lua flags=allow-oom
-- A worker says that it is alive.
--
-- KEYS[1] workers  ZSET    worker id -> unix ms at which its record ends
-- KEYS[2] worker   STRING  time of this heartbeat in unix ms, a space, its record
-- ARGV[1] worker id  ARGV[2] record (JSON)  ARGV[3] ttl in ms
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- First the one that fails where its key is of another kind.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('SET', KEYS[2], now .. ' ' .. ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
