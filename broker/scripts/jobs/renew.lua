#!lua flags=allow-oom
-- Extend the leases of one worker on one queue.
-- Uses: read.lua (read)
-- Uses: lease.lua (held, mark_of)
-- Uses: clock.lua (now)
--
-- KEYS[1] queue   ZSET   job id -> due time, unix ms; raised to the end of the lease plus its mark
-- KEYS[2] abort   ZSET   job id -> time of the request, unix ms
-- ARGV[1..3]      key prefixes: job, in-progress, retry
-- ARGV[4]         lease in ms
-- ARGV[5]         ttl in ms for bodies and counts of tries
-- then for each lease: id, token, tries
--
-- Returns { { ids of lost leases }, { id, abort mark, id, … of jobs to abort } }
--
-- A lease that ran out and that the same worker has claimed again is left alone and is not lost: after the answer
-- to that claim, the worker continues under the new one. (A token is the worker's id, a colon and a number.)

local job_prefix, in_progress_prefix, retry_prefix = ARGV[1], ARGV[2], ARGV[3]
local lease, ttl = tonumber(ARGV[4]), ARGV[5]
local lost, aborts = {}, {}

local function claimed_anew(in_progress, token)
  local owner = read('GET', in_progress)
  local worker = owner and string.match(owner, '^(.+):')
  return worker and worker == string.match(token, '^(.+):')
end

for at = 6, #ARGV, 3 do
  local id, token, tries = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local in_progress, retry = in_progress_prefix .. id, retry_prefix .. id
  if held(KEYS[1], in_progress, retry, id, token, tries) then
    redis.call('ZADD', KEYS[1], now + lease + mark_of(token), id)
    redis.call('SET', in_progress, token, 'PX', lease)
    redis.call('PEXPIRE', job_prefix .. id, ttl, 'GT')
    redis.call('PEXPIRE', retry, ttl)
    local mark = read('ZSCORE', KEYS[2], id)
    if mark then
      aborts[#aborts + 1] = id
      aborts[#aborts + 1] = mark
    end
  elseif not claimed_anew(in_progress, token) then
    lost[#lost + 1] = id
  end
end
return { lost, aborts }
