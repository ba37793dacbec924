-- Prelude: the name of the data set that Redis holds.
-- Uses: read.lua (read)

-- Return the name; if it has none yet, it is named `fresh`. '' = the key holds another type of value.
-- epoch STRING: lost only together with all other keys
local function name_data_set(epoch, fresh)
  local name, spoilt = read('GET', epoch)
  if spoilt then
    return ''
  end
  if not name then
    redis.call('SET', epoch, fresh)
  end
  return name or fresh
end
