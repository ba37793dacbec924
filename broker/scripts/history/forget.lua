#!lua flags=allow-oom
-- Remove jobs from the indexes of ended jobs, unless they have a result by now.
-- Uses: read.lua (read)
--
-- KEYS[1..2] finished, failed  ZSET  job id -> time of its end, unix ms
-- ARGV[1]    key prefix: result
-- then the ids of the jobs
--
-- Returns 0

for at = 2, #ARGV do
  if redis.call('EXISTS', ARGV[1] .. ARGV[at]) == 0 then
    read('ZREM', KEYS[1], ARGV[at])
    read('ZREM', KEYS[2], ARGV[at])
  end
end
return 0
