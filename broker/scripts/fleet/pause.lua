#!lua flags=allow-oom
-- Pause a queue: jobgate's workers claim nothing more from it. Running jobs continue.
-- Uses: clock.lua (now)
-- Uses: known.lua (note_queues)
--
-- KEYS[1] paused  STRING  start of the pause, unix ms; an earlier pause is left as it is
-- KEYS[2] queues  ZSET    queue -> unix ms at which it was last in use
-- ARGV[1] the queue
--
-- Returns 1

redis.call('SET', KEYS[1], now, 'NX')
note_queues(KEYS[2], ARGV, 1)
return 1
