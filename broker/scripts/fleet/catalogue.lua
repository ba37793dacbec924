-- Read the catalogue of workers. Writes nothing.
-- Uses: read.lua (read)
--
-- KEYS[1] catalogue  STRING  their functions
-- ARGV[1] largest size in bytes
--
-- Returns it; nil if there is none, 0 if it is larger or the key holds another type of value

local size, spoilt = read('STRLEN', KEYS[1])
if spoilt or size > tonumber(ARGV[1]) then
  return 0
end
return redis.call('GET', KEYS[1])
