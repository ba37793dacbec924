-- Read one page of an index of ended jobs, newest first. Writes nothing.
-- Uses: read.lua (read)
--
-- KEYS[1] index  ZSET  job id -> time of its end, unix ms
-- ARGV[1] earliest time, unix ms, or '-inf'
-- ARGV[2] latest time, unix ms, or '+inf'
-- ARGV[3] number of jobs
-- ARGV[4] id of the last job of the page before, which has the latest time; '' = this is the first page
--
-- Returns id, time, id, time, …
--
-- Jobs that ended in the same millisecond are in the order of their ids, so that a page goes on where the one before
-- ended, even if that job has left the index.

local first, last, limit, after = ARGV[2], ARGV[1], tonumber(ARGV[3]), ARGV[4]
-- Jobs that end together come from one script call, which ends a few hundred at most.
local TOGETHER = 1024

local function by_time(number)
  return read('ZREVRANGEBYSCORE', KEYS[1], first, last, 'WITHSCORES', 'LIMIT', 0, number) or {}
end

-- The jobs after one that is still in the index.
local function by_place()
  local from = redis.call('ZREVRANK', KEYS[1], after) + 1
  return redis.call('ZREVRANGE', KEYS[1], from, from + limit - 1, 'WITHSCORES')
end

if after == '' then
  return by_time(limit)
end
local is_there = tonumber(read('ZSCORE', KEYS[1], after) or nil) == tonumber(first)
local earliest, page = tonumber(last) or -math.huge, {}
local found = is_there and by_place() or by_time(limit + TOGETHER)
for at = 1, #found, 2 do
  local time = tonumber(found[at + 1])
  local is_next = is_there or time < tonumber(first) or found[at] < after
  if is_next and time >= earliest and #page < 2 * limit then
    page[#page + 1], page[#page + 2] = found[at], found[at + 1]
  end
end
return page
