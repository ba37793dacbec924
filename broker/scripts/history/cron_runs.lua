-- Read the last runs of 1…n cron jobs. Writes nothing.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- KEYS[1…] cron-runs  LIST  runs (JSON), the newest first
-- ARGV[1] most runs of each
--
-- Returns { now, then for each key { run, … } }; a key of another type has none

local answer = { now }
for at, runs in ipairs(KEYS) do
  answer[at + 1] = read('LRANGE', runs, 0, ARGV[1] - 1) or {}
end
return answer
