-- Read the records of the live workers of a queue. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- KEYS[1] workers  ZSET  worker id -> unix ms at which its record expires
-- ARGV[1] key prefix: worker
-- ARGV[2] largest size of a record in bytes
--
-- Returns { now, record, … }; a larger record, and a key of another type, is left out

local answer = { now }
for _, id in ipairs(read('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf') or {}) do
  local record = read('GET', ARGV[1] .. id)
  if record and #record <= tonumber(ARGV[2]) then
    answer[#answer + 1] = record
  end
end
return answer
