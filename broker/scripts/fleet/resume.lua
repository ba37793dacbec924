#!lua flags=allow-oom
-- Resume a paused queue and wake one of its workers.
-- Uses: wake.lua (wake_one)
--
-- KEYS[1] paused  STRING  exists while the queue is paused
-- KEYS[2] wake    LIST    at most one token
--
-- Returns 1

redis.call('DEL', KEYS[1])
wake_one(KEYS[2])
return 1
