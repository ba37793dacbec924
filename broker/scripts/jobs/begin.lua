#!lua flags=allow-oom
-- Note that a suspect (see claim.lua) starts. Only a crash while it runs alone counts as its own.
-- Uses: read.lua (read)
--
-- KEYS[1] suspect      STRING  see claim.lua
-- KEYS[2] in-progress  STRING  lease: the token of its claim
-- ARGV[1] token of the lease
-- ARGV[2] 1 = other jobs run in the worker, 2 = it runs alone
--
-- Returns 1 done (also when repeated), 0 stale

local known = read('GET', KEYS[1])
if not known or read('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], (string.gsub(known, '%d+ %d+$', '0 ' .. ARGV[2])), 'KEEPTTL')
return 1
