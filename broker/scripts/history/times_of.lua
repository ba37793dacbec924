-- Read the histograms of run and wait times of a function, of the last windows. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- ARGV[1] key prefix: times; see add_times.lua
-- ARGV[2] seconds of a window
-- ARGV[3] number of windows
-- then the fields
--
-- Returns { number of the last window, then for each window, the oldest first: { number or nil, … }, or false where
--           nothing was counted }

local last, windows = math.floor(now / 1000 / ARGV[2]), tonumber(ARGV[3])
local fields = { unpack(ARGV, 4) }
local answer = { last }
for place = 1, windows do
  local key = ARGV[1] .. (last - windows + place)
  answer[place + 1] = redis.call('EXISTS', key) == 1 and read('HMGET', key, unpack(fields))
end
return answer
