#!lua flags=allow-oom
-- List a worker as alive, and keep its catalogue.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- KEYS[1] workers    ZSET    worker id -> unix ms at which its record expires
-- KEYS[2] worker     STRING  time of this heartbeat in unix ms, a space, the record
-- KEYS[3] catalogue  STRING  its functions; left out if it publishes none
-- ARGV[1] worker id
-- ARGV[2] record (JSON)
-- ARGV[3] ttl in ms
-- ARGV[4] ttl of the catalogue in ms
-- ARGV[5] length of the catalogue in bytes
--
-- Returns 1; 0 if the catalogue is gone, or something else is in its place
-- First the write that fails if the key holds another type of value.

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('SET', KEYS[2], now .. ' ' .. ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
if not KEYS[3] then
  return 1
end
return read('STRLEN', KEYS[3]) == tonumber(ARGV[5]) and redis.call('PEXPIRE', KEYS[3], ARGV[4]) or 0
