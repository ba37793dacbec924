#!lua flags=allow-oom
-- Return the name of the data set that Redis holds; name it if it has no name yet.
-- Uses: read.lua (read)
--
-- KEYS[1] epoch  STRING  name of the data set; lost only together with all other keys
-- ARGV[1] name to give it
--
-- Returns the name; '' if the key holds another type of value

local name, spoilt = read('GET', KEYS[1])
if spoilt then
  return ''
end
if not name then
  redis.call('SET', KEYS[1], ARGV[1])
end
return name or ARGV[1]
