-- Read one page of a queue, waiting and running jobs alike. Writes nothing. Uses: read.lua
-- A job that is there from the first page to the last is on one of them, perhaps on two.
--
-- KEYS[1] queue  ZSET  job id -> due time, unix ms; while it runs: the end of its lease
-- ARGV[1] key prefix: job
-- ARGV[2] cursor, 0 = begin
-- ARGV[3] about how many
--
-- Returns { cursor of the next page (0 = no more), id, score, body or false, id, … }; an empty body: it is there, but of another kind
local page = redis.call('ZSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local answer, found = { page[1] }, page[2]
for at = 1, #found, 2 do
  local to = #answer
  answer[to + 1], answer[to + 2] = found[at], found[at + 1]
  local body, spoilt = read('GET', ARGV[1] .. found[at])
  answer[to + 3] = spoilt and '' or body
end
return answer
