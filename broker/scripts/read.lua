-- Put before every script that reads keys which others may have written. See scripts.py.
--
-- Lua has no rollback: a command that fails midway leaves the writes before it behind. So each script reads
-- what others may have spoilt with `read`, and of its writes only the first may fail: the one to the queue.

-- What a command brings; false, and true, where the key holds another kind of value.
local function read(...)
  local value = redis.pcall(...)
  if type(value) ~= 'table' or not value.err then
    return value
  end
  -- "… is not an integer", "… would overflow": of a count of tries.
  for _, text in ipairs({ 'WRONGTYPE', 'not an integer', 'overflow' }) do
    if string.find(value.err, text, 1, true) then
      return false, true
    end
  end
  error(value)
end

-- A number that Redis takes as a time or a duration in ms, cut to a whole one; nil for anything else.
local function whole(text)
  local number = tonumber(text)
  return number and number > -2 ^ 53 and number < 2 ^ 53 and math.floor(number) or nil
end

-- Whether there are marks of aborts.
local function any_marks(key)
  return (read('ZCARD', key) or 0) > 0
end

