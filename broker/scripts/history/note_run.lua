#!lua flags=allow-oom
-- Note that a run of a cron job has ended. A repeated call notes it once.
-- Uses: read.lua (read)
--
-- KEYS[1] cron-runs  LIST  runs (JSON), the newest first
-- ARGV[1] the run
-- ARGV[2] most runs that are kept
-- ARGV[3] ms to keep them
--
-- Returns 1; 0 if the key holds another type of value

local last, spoilt = read('LINDEX', KEYS[1], 0)
if spoilt then
  return 0
end
if last ~= ARGV[1] then
  redis.call('LPUSH', KEYS[1], ARGV[1])
  redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 1)
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
