#!lua flags=allow-oom
-- Write the health line that arq's workers share and that `arq --check` looks for.
-- Uses: read.lua (read)
--
-- KEYS[1] queue   ZSET    job id -> due time, unix ms
-- KEYS[2] health  STRING  the line
-- ARGV[1] the line up to the number of jobs in the queue
-- ARGV[2] ttl in ms
--
-- Returns 1 written, 0 not written: the key holds another type of value, perhaps a queue

local _, spoilt = read('GET', KEYS[2])
if spoilt then
  return 0
end
redis.call('SET', KEYS[2], ARGV[1] .. redis.call('ZCARD', KEYS[1]), 'PX', ARGV[2])
return 1
