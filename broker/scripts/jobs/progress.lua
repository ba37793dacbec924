-- Store the progress of 1…n running jobs of one queue.
-- Uses: clock.lua (now)
-- Uses: lease.lua (held)
--
-- KEYS[1] queue   ZSET   job id -> due time, unix ms
-- ARGV[1..3]      key prefixes: in-progress, retry, progress
-- ARGV[4]         ms to keep a report
-- then for each job: id, token, tries, report (JSON)
--
-- Writes progress  STRING  "<token of the lease> <unix ms> <report>"
-- Returns for each job 1 stored, 0 stale: a late report is dropped, so that nothing remains of a job that has ended
--
-- No flag allow-oom: a full Redis refuses reports.

local in_progress_prefix, retry_prefix, progress_prefix, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local answers = {}

for at = 5, #ARGV, 4 do
  local id, token, tries, report = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local noted = 0
  if held(KEYS[1], in_progress_prefix .. id, retry_prefix .. id, id, token, tries) then
    redis.call('SET', progress_prefix .. id, token .. ' ' .. now .. ' ' .. report, 'PX', ttl)
    noted = 1
  end
  answers[#answers + 1] = noted
end
return answers
