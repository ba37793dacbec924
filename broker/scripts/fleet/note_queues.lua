#!lua flags=allow-oom
-- Note that queues are in use, whether or not a worker serves them.
-- Uses: known.lua (note_queues)
--
-- KEYS[1] queues  ZSET    queue -> unix ms at which it was last in use
-- ARGV[1…] the queues
--
-- Returns 1

note_queues(KEYS[1], ARGV, 1)
return 1
