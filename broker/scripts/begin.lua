#!lua flags=allow-oom
-- Note how a suspect begins: a crash that hits it alone counts as its own. Uses: read.lua
--
-- KEYS[1] suspect      STRING see claim.lua
-- KEYS[2] in-progress  STRING lease
-- ARGV[1] token
-- ARGV[2] 1 = beside others, 2 = alone
--
-- Returns 1 done (also when repeated), 0 stale
local known = read('GET', KEYS[1])
if not known or read('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], (string.gsub(known, '%d+ %d+$', '0 ' .. ARGV[2])), 'KEEPTTL')
return 1
