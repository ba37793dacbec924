-- Whether a job may belong to somebody, without reading it: what it costs does not depend on the job.
-- Writes nothing. Uses: read.lua
--
-- KEYS[1] job  KEYS[2] result  KEYS[3] outcome for those who wait   STRING
-- ARGV[1] name of the owner
-- ARGV[2] bytes at the end of a stored job or result that hold its owner
--
-- Returns 1 perhaps: read it and see  0 no, or there is no such job
local function may_name(key)
  -- A pickle may hold its owner anywhere.
  local first = read('GETRANGE', key, 0, 0)
  local tail = read('GETRANGE', key, -ARGV[2], -1)
  return first == '\128' or (tail and string.find(tail, ARGV[1], 1, true) ~= nil)
end

local answer = 0
for _, key in ipairs(KEYS) do
  answer = may_name(key) and 1 or answer
end
return answer
