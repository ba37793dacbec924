-- Read the counters of the last minutes of 1…n queues, some at a time. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- ARGV[1] number of the last minute, '' = the one that runs
-- ARGV[2] number of minutes
-- ARGV[3] hashes to skip: those of an earlier call
-- ARGV[4] fields after which it stops, so that Redis is not busy for long
-- then for each queue its key prefix: activity
--
-- Returns { number of the last minute, then for each queue, for each minute, the oldest first:
--           { field, number, … }; see activity.lua }, perhaps not to the end: call again for the rest

local last, minutes, left = tonumber(ARGV[1]) or math.floor(now / 60000), tonumber(ARGV[2]), tonumber(ARGV[4])
local answer = { last }
for place = tonumber(ARGV[3]), (#ARGV - 4) * minutes - 1 do
  local prefix = ARGV[5 + math.floor(place / minutes)]
  local hash = read('HGETALL', prefix .. (last - minutes + 1 + place % minutes)) or {}
  answer[#answer + 1] = hash
  left = left - #hash / 2
  if left <= 0 then
    break
  end
end
return answer
