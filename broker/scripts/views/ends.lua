-- Read the newest jobs of 1…n queues that have ended since a time. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- KEYS[1…] index  ZSET  job id -> time of its end, unix ms
-- ARGV[1] time after which they ended, unix ms. One to come shows that the clock was set back, as by a failover: then
--         it is BACK ms ago
-- ARGV[2] most jobs of one queue
-- ARGV[3] largest size of a result in bytes
-- ARGV[4] key prefix: result
--
-- Entries of times to come, which other programs may have written, are left out.
--
-- Returns for each queue { id, time, result or false, … }, newest first; false for a result that is larger, or gone

local BACK = 30000
local since = tonumber(ARGV[1])
if since > now then
  since = now - BACK
end
local largest = tonumber(ARGV[3])

local function result_of(id)
  -- One byte more than allowed shows that it is larger.
  local result = read('GETRANGE', ARGV[4] .. id, 0, largest)
  return result and #result > 0 and #result <= largest and result
end

local answer = {}
for at, index in ipairs(KEYS) do
  local jobs = {}
  local found = read('ZREVRANGEBYSCORE', index, now, '(' .. string.format('%.0f', since), 'WITHSCORES', 'LIMIT', 0, ARGV[2]) or {}
  for place = 1, #found, 2 do
    jobs[#jobs + 1], jobs[#jobs + 2], jobs[#jobs + 3] = found[place], found[place + 1], result_of(found[place])
  end
  answer[at] = jobs
end
return answer
