-- Prelude: keys of a job, read whole or briefly.
-- Uses: read.lua (read)

-- A stored value; '' stands for a key that holds another type of value.
local function value_of(key)
  local value, spoilt = read('GET', key)
  return spoilt and '' or value
end

-- "<length>:<last 256 bytes>" of a stored value, or false. The end of a body or a result holds its times and the request
-- token, so another job of this id has another mark.
local function brief_of(key)
  local length, spoilt = read('STRLEN', key)
  if spoilt then
    return ''
  end
  return length > 0 and length .. ':' .. redis.call('GETRANGE', key, -256, -1)
end
