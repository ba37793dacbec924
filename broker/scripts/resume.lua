#!lua flags=allow-oom
-- Let workers claim from a queue again, and wake one of them. Uses: wake.lua
--
-- KEYS[1] paused  STRING  there while the queue gives no jobs
-- KEYS[2] wake    LIST    at most one token
redis.call('DEL', KEYS[1])
wake_one(KEYS[2])
return 1
