-- Read one page of an index of ended jobs, newest first. Writes nothing.
-- Uses: newest.lua (newest)
--
-- KEYS[1] index  ZSET  job id -> time of its end, unix ms
-- ARGV[1] earliest time, unix ms, or '-inf'
-- ARGV[2] latest time, unix ms, or '+inf'
-- ARGV[3] number of jobs
-- ARGV[4] id of the last job of the page before, which has the latest time; '' = this is the first page
--
-- Returns id, time, id, time, …

return newest(KEYS[1], ARGV[2], ARGV[1], tonumber(ARGV[3]), ARGV[4])
