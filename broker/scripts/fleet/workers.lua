-- Read the records of the live workers of 1…n queues. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- KEYS[1…] workers  ZSET  worker id -> unix ms at which its record expires
-- ARGV[1] largest size of a record in bytes
-- then for each queue its key prefix: worker
--
-- Returns { now, record, … }; a larger record, and a key of another type, is left out

local answer, longest = { now }, tonumber(ARGV[1])
for at, workers in ipairs(KEYS) do
  for _, id in ipairs(read('ZRANGEBYSCORE', workers, '(' .. now, '+inf') or {}) do
    local record = read('GET', ARGV[at + 1] .. id)
    if record and #record <= longest then
      answer[#answer + 1] = record
    end
  end
end
return answer
