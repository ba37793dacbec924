-- Store the catalogue of a worker. Whatever is in its place is replaced: the key is named after its content.
-- A Redis that is full refuses it: it is a hint, and must not take memory that running jobs need.
--
-- KEYS[1] catalogue  STRING  its functions
-- ARGV[1] its functions
-- ARGV[2] ttl in ms; each heartbeat renews it
--
-- Returns 1

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
