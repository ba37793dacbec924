#!lua flags=allow-oom
-- Note that queues are in use, and what a worker of them does now.
-- Uses: known.lua (note_queues)
--
-- KEYS[1] queues  ZSET    queue -> unix ms at which it was last in use
-- KEYS[2] vitals  STRING  what the worker does; left out if no worker says so
-- ARGV[1] vitals (JSON)
-- ARGV[2] ttl of the vitals in ms
-- ARGV[3…] the queues
--
-- Returns 1

if KEYS[2] then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
note_queues(KEYS[1], ARGV, 3)
return 1
