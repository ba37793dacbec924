#!lua flags=allow-oom
-- Let workers claim from a queue again, and wake one of them.
--
-- KEYS[1] paused  STRING  there while the queue gives no jobs
-- KEYS[2] wake    LIST    at most one token
redis.call('DEL', KEYS[1])
if redis.call('LLEN', KEYS[2]) == 0 then
  redis.call('RPUSH', KEYS[2], '1')
  redis.call('PEXPIRE', KEYS[2], 60000)
end
return 1
