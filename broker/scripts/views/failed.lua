-- Read one page of the index of failed jobs, newest first, with the notes of their failures. Writes nothing.
-- Uses: newest.lua (newest)
--
-- KEYS[1] failed  ZSET  job id -> time of its end, unix ms
-- ARGV[1..4] as those of finished.lua
-- ARGV[5..7] key prefixes: failure, retried, result
--
-- Returns { id, time, id, time, … }, for each job its note, '' if it has a result alone (workers of earlier releases
-- write no notes) or false if that has expired, and for each the id of the job as which it was run again or false

local page, notes, retried = newest(KEYS[1], ARGV[2], ARGV[1], tonumber(ARGV[3]), ARGV[4]), {}, {}
if #page == 0 then
  return { page, page, page }
end
for at = 1, #page, 2 do
  notes[#notes + 1], retried[#retried + 1] = ARGV[5] .. page[at], ARGV[6] .. page[at]
end
-- MGET, unlike GET, takes a key of another type for none.
notes, retried = redis.call('MGET', unpack(notes)), redis.call('MGET', unpack(retried))
for at, note in ipairs(notes) do
  if not note and redis.call('EXISTS', ARGV[7] .. page[2 * at - 1]) == 1 then
    notes[at] = ''
  end
end
return { page, notes, retried }
