-- Read the records of the live workers of 1…n queues, and which were lost. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- KEYS[1…] workers  ZSET  worker id -> unix ms at which its record expires, or has expired
-- ARGV[1] largest size of a record in bytes
-- ARGV[2] most workers to name that were lost, the last ones of each queue
-- then for each queue its key prefix: worker
--
-- Returns { now, { id, unix ms, … } of those that were lost, record, … }; a larger record, and a key of another type, is
-- left out. A worker is lost if its record has expired although it did not retire, for as long as announce.lua remembers it.

-- How long a worker is lost, in ms, as in announce.lua: without a heartbeat of another worker none is removed.
local LOST_FOR = 600000

local lost, longest, most = {}, tonumber(ARGV[1]), tonumber(ARGV[2])
local answer = { now, lost }
for at, workers in ipairs(KEYS) do
  for _, id in ipairs(read('ZRANGEBYSCORE', workers, '(' .. now, '+inf') or {}) do
    local record = read('GET', ARGV[at + 2] .. id)
    if record and #record <= longest then
      answer[#answer + 1] = record
    end
  end
  if most > 0 then
    local last = read('ZREVRANGEBYSCORE', workers, now, now - LOST_FOR, 'WITHSCORES', 'LIMIT', 0, most)
    for _, value in ipairs(last or {}) do
      lost[#lost + 1] = value
    end
  end
end
return answer
