#!lua flags=allow-oom
-- Add to the histograms of run and wait times of the current window.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
-- Uses: tally.lua (tally)
--
-- times  HASH "<r = run, w = wait><letter of the bucket> <function>" -> number; its key ends with the number of the
--             window. At most MOST: a function whose buckets do not all fit loses those that it has, and
--             "x <function>" -> 1 says that it is not counted in this window: with some of them, it would look
--             faster or slower than it is.
--
-- ARGV[1] key prefix: times
-- ARGV[2] seconds of a window
-- ARGV[3] number of windows that are kept
-- then field, number, …; those of a function follow each other
--
-- Returns 1; not to be repeated

local MOST = 2000
local window = tonumber(ARGV[2])
local key = ARGV[1] .. math.floor(now / 1000 / window)
local lives = window * ARGV[3] * 1000

-- Take all buckets of a function out, and note that it is not counted.
local function leave_out(name)
  local gone = 0
  for letter = string.byte('a'), string.byte('v') do
    local bucket = string.char(letter) .. ' ' .. name
    gone = gone + (read('HDEL', key, 'r' .. bucket, 'w' .. bucket) or 0)
  end
  if gone > 0 then
    tally(key, 'x ' .. name, 1, MOST, lives)
  end
end

local left_out
for at = 4, #ARGV, 2 do
  local name = string.sub(ARGV[at], 4)
  if name ~= left_out and read('HEXISTS', key, 'x ' .. name) == 1 then
    left_out = name
  end
  if name ~= left_out and not tally(key, ARGV[at], ARGV[at + 1], MOST, lives) then
    left_out = name
    leave_out(name)
  end
end
return 1
