#!lua flags=allow-oom
-- Tell which data set this is, and name it where nobody has. Uses: read.lua
--
-- KEYS[1] epoch  STRING  name of the data set
-- ARGV[1] a new name
--
-- Returns the name; an empty text where the key holds something else
local name, spoilt = read('GET', KEYS[1])
if spoilt then
  return ''
end
if not name then
  redis.call('SET', KEYS[1], ARGV[1])
end
return name or ARGV[1]
