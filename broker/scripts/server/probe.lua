-- Prove that Redis accepts writes. Like enqueue.lua it has no flag allow-oom, so that a full server, a replica
-- and a server with too few replicas refuse it. Leaves nothing behind.
--
-- KEYS[1] probe  STRING  exists only while the script runs
--
-- Returns 1

redis.call('SET', KEYS[1], '1', 'PX', 10000)
redis.call('DEL', KEYS[1])
return 1
