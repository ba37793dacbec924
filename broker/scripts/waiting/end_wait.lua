#!lua flags=allow-oom
-- Stop counting a wait of a caller.
-- Uses: read.lua (read)
--
-- KEYS[1] waits   ZSET  see admit_wait.lua
-- ARGV[1] token   of the wait
--
-- Returns 1 it was counted, 0 it was not (also when repeated)

return read('ZREM', KEYS[1], ARGV[1]) or 0
