#!lua flags=allow-oom
-- Note that somebody waits for the outcomes of 1…n jobs, should they not be kept.
--
-- ARGV[1] key prefix: wanted  ARGV[2] ms that it is noted
-- then the ids
--
-- Writes wanted  STRING  empty
-- Returns 1
for at = 3, #ARGV do
  redis.call('SET', ARGV[1] .. ARGV[at], '', 'PX', ARGV[2])
end
return 1
