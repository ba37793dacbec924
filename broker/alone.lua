#!lua flags=allow-oom
-- Note that a suspect begins with no other job beside it, so that a crash now counts as its own.
--
-- KEYS[1] suspect STRING see claim.lua
-- ARGV[1] what to write there
-- ARGV[2] its ttl in ms
--
-- Returns 1 (also when repeated)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
