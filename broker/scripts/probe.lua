-- Prove that Redis takes a write as `enqueue` makes one: without flags, so that a full server, a replica and one
-- that has too few replicas refuse it. Leaves nothing behind.
--
-- KEYS[1] probe  STRING  one moment
redis.call('SET', KEYS[1], '1', 'PX', 10000)
redis.call('DEL', KEYS[1])
return 1
