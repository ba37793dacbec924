-- Read one page of a queue, waiting and running jobs alike. Writes nothing.
-- Uses: read.lua (read)
--
-- KEYS[1] queue  ZSET  job id -> due time, unix ms; while the job runs: the end of its lease
-- ARGV[1] key prefix: job
-- ARGV[2] cursor, 0 = start
-- ARGV[3] approximate number of jobs
--
-- Returns { cursor of the next page (0 = no more), then for each job: id, score, body or false
--           ('' if the body's key holds another type of value) }
--
-- A job that is in the queue during the whole listing is on at least one page, perhaps on two.

local page = redis.call('ZSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local answer, found = { page[1] }, page[2]
for at = 1, #found, 2 do
  local to = #answer
  answer[to + 1], answer[to + 2] = found[at], found[at + 1]
  local body, spoilt = read('GET', ARGV[1] .. found[at])
  answer[to + 3] = spoilt and '' or body
end
return answer
