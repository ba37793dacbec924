#!lua flags=allow-oom
-- Note that somebody waits for the outcomes of 1…n jobs, in case they are not kept.
--
-- ARGV[1] key prefix: wanted
-- ARGV[2] ttl of the note in ms
-- then the job ids
--
-- Writes wanted  STRING  empty
-- Returns 1

for at = 3, #ARGV do
  redis.call('SET', ARGV[1] .. ARGV[at], '', 'PX', ARGV[2])
end
return 1
