#!lua flags=allow-oom
-- Count one more wait of a caller, if it has fewer than it may have; all gateways share the count.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- KEYS[1] waits   ZSET  token of a wait -> unix ms at which it is no longer counted, whatever became of its gateway
-- ARGV[1] token   of this wait
-- ARGV[2] most    waits of the caller at the same time
-- ARGV[3] ms      for which this one counts at most
-- ARGV[4] ms      for which any wait counts at most
--
-- Returns 1 counted (also when repeated), 0 there are too many, -1 the key holds another type of value

local longest = tonumber(ARGV[4])
local _, is_foreign = read('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if is_foreign then
  return -1
end
-- No wait lasts as long as these: another program wrote them, or the clock of Redis was set back.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now + longest), '+inf')
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[3])), ARGV[1])
redis.call('PEXPIRE', KEYS[1], longest)
return 1
