-- Prelude: count in hashes that have a bounded number of fields.
-- Uses: read.lua (read)

-- Add to a field, and return true; false if it would be one field too many, and nothing was added. The hash then
-- lives for so many ms more.
local function tally(key, field, number, most, lives)
  if read('HINCRBY', key, field, number) ~= tonumber(number) then
    return true
  end
  local fits = redis.call('HLEN', key) <= most
  if not fits then
    redis.call('HDEL', key, field)
  end
  redis.call('PEXPIRE', key, lives)
  return fits
end
