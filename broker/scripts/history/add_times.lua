#!lua flags=allow-oom
-- Add to the histograms of run and wait times of the current window.
-- Uses: clock.lua (now)
-- Uses: tally.lua (tally)
--
-- times  HASH "<r = run, w = wait><letter of the bucket> <function>" -> number; its key ends with the number of the
--             window. At most MOST: functions that come later are not counted in this window.
--
-- ARGV[1] key prefix: times
-- ARGV[2] seconds of a window
-- ARGV[3] number of windows that are kept
-- then field, number, …
--
-- Returns 1; not to be repeated

local MOST = 2000
local window = tonumber(ARGV[2])
local key = ARGV[1] .. math.floor(now / 1000 / window)
for at = 4, #ARGV, 2 do
  tally(key, ARGV[at], ARGV[at + 1], MOST, window * ARGV[3] * 1000)
end
return 1
