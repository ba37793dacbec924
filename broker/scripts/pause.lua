#!lua flags=allow-oom
-- Pause a queue: jobgate's workers claim nothing more from it. Running jobs continue.
-- Uses: clock.lua (now)
--
-- KEYS[1] paused  STRING  start of the pause, unix ms; an earlier pause is left as it is
--
-- Returns 1

redis.call('SET', KEYS[1], now, 'NX')
return 1
