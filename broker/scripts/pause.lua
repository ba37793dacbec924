#!lua flags=allow-oom
-- Let no worker of jobgate claim from a queue any more. What runs goes on.
--
-- KEYS[1] paused  STRING  since when, unix ms; an earlier pause stays as it is
local clock = redis.call('TIME')
redis.call('SET', KEYS[1], clock[1] * 1000 + math.floor(clock[2] / 1000), 'NX')
return 1
