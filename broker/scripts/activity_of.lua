-- Read the counters of the last minutes of a queue. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- ARGV[1] key prefix: activity
-- ARGV[2] number of minutes
--
-- Returns { now, then for each minute, the oldest first: { field, number, … } }; see activity.lua

local minute, answer = math.floor(now / 60000), { now }
for at = minute - ARGV[2] + 1, minute do
  answer[#answer + 1] = read('HGETALL', ARGV[1] .. at) or {}
end
return answer
