-- Read which queues are in use. Writes nothing.
-- Uses: read.lua (read)
--
-- KEYS[1] queues  ZSET  queue -> unix ms at which it was last in use
-- ARGV[1] most queues
--
-- Returns { queue, … }, the last used ones; none if the key holds another type of value

local surplus = (read('ZCARD', KEYS[1]) or 0) - ARGV[1]
return read('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf', 'LIMIT', math.max(surplus, 0), ARGV[1]) or {}
