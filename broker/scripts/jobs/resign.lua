#!lua flags=allow-oom
-- Let another worker poll 1…n queues: this one stops, or has no room.
-- Uses: poller.lua (resign)
--
-- KEYS, for each queue:
--   poller  STRING  the worker that polls it, see poller.lua
--   wake    LIST    at most one token
-- ARGV[1] worker id
--
-- Returns 1

for at = 1, #KEYS, 2 do
  resign(KEYS[at], ARGV[1], KEYS[at + 1])
end
return 1
