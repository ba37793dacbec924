-- Read the counters of the last minutes of 1…n queues. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- ARGV[1] number of minutes
-- then for each queue its key prefix: activity
--
-- Returns { now, then for each queue { for each minute, the oldest first: { field, number, … } } }; see activity.lua

local minute, answer = math.floor(now / 60000), { now }
for at = 2, #ARGV do
  local hashes = {}
  for number = minute - ARGV[1] + 1, minute do
    hashes[#hashes + 1] = read('HGETALL', ARGV[at] .. number) or {}
  end
  answer[at] = hashes
end
return answer
