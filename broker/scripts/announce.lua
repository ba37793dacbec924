#!lua flags=allow-oom
-- List a worker as alive.
-- Uses: clock.lua (now)
--
-- KEYS[1] workers  ZSET    worker id -> unix ms at which its record expires
-- KEYS[2] worker   STRING  time of this heartbeat in unix ms, a space, the record
-- ARGV[1] worker id
-- ARGV[2] record (JSON)
-- ARGV[3] ttl in ms
--
-- Returns 1
-- First the write that fails if the key holds another type of value.

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('SET', KEYS[2], now .. ' ' .. ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
