-- Prelude: read keys that other programs may have written.
--
-- Lua has no rollback: when a command fails midway, earlier writes of the script stay. So each script reads keys that
-- others may have damaged with `read`, and only the first of its writes may fail: the one to the queue.

-- Run a command; returns its answer, or (false, true) if the key holds another type of value.
local function read(...)
  local value = redis.pcall(...)
  if type(value) ~= 'table' or not value.err then
    return value
  end
  -- "… is not an integer" and "… would overflow" come from a damaged count of tries.
  for _, text in ipairs({ 'WRONGTYPE', 'not an integer', 'overflow' }) do
    if string.find(value.err, text, 1, true) then
      return false, true
    end
  end
  error(value)
end

-- A whole number that Redis accepts as a time or a duration in ms; nil for anything else.
local function whole(text)
  local number = tonumber(text)
  return number and number > -2 ^ 53 and number < 2 ^ 53 and math.floor(number) or nil
end

-- Whether any job is marked to be aborted.
local function any_marks(key)
  return (read('ZCARD', key) or 0) > 0
end
