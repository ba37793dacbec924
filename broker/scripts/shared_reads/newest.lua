-- Prelude: read an index of ended jobs, newest first.
-- Uses: read.lua (read)
-- Uses: member_order.lua (is_before)
--
-- index  ZSET  job id -> time of its end, unix ms
--
-- Jobs that ended in the same millisecond are in the order of their ids, so that a page continues where the one before
-- ended, even if that job has left the index, or is in another one.

-- Jobs that end together come from one script call, which ends a few hundred at most.
local TOGETHER = 1024

-- id, time, id, time, … of up to `limit` jobs from the latest time to the earliest. after: id of the last job before
-- them, which ended at the latest time; '' = there is none
local function newest(index, latest, earliest, limit, after)
  if after == '' then
    return read('ZREVRANGEBYSCORE', index, latest, earliest, 'WITHSCORES', 'LIMIT', 0, limit) or {}
  end
  local page = {}
  if (tonumber(earliest) or -math.huge) <= tonumber(latest) then
    for _, id in ipairs(read('ZREVRANGEBYSCORE', index, latest, latest, 'LIMIT', 0, limit + TOGETHER) or {}) do
      if is_before(id, after) and #page < 2 * limit then
        page[#page + 1], page[#page + 2] = id, latest
      end
    end
  end
  local earlier = read('ZREVRANGEBYSCORE', index, '(' .. latest, earliest, 'WITHSCORES', 'LIMIT', 0, limit - #page / 2)
  for _, value in ipairs(earlier or {}) do
    page[#page + 1] = value
  end
  return page
end
