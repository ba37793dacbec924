#!lua flags=allow-oom
-- Give 1…n jobs of one queue back as if they had never been claimed: old place, try not counted.
-- Uses: read.lua (whole)
-- Uses: lease.lua (held)
-- Uses: wake.lua (wake_one)
-- Uses: drop.lua (drop)
--
-- KEYS[1] queue   ZSET   job id -> due time, unix ms
-- KEYS[2] wake    LIST   at most one token
-- ARGV[1..3]      key prefixes: job, in-progress, retry
-- then for each job: id, token, tries, due time before the claim in unix ms, count of tries to leave,
--   time at which the body was to expire in unix ms, or '' = keep its ttl
--
-- Returns for each job 1 done, 0 stale (also when repeated: nothing is left to give back)
--
-- A job that was claimed as damaged (0 tries) keeps its keys as they are.

local job_prefix, in_progress_prefix, retry_prefix = ARGV[1], ARGV[2], ARGV[3]
local answers, released = {}, false

for at = 4, #ARGV, 6 do
  local id, token, tries, score = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local count, expires = whole(ARGV[at + 4]), whole(ARGV[at + 5])
  local in_progress, retry = in_progress_prefix .. id, retry_prefix .. id
  if held(KEYS[1], in_progress, retry, id, token, tries) then
    redis.call('ZADD', KEYS[1], score, id)
    if tries == '0' then
      expires = nil
    elseif count and count > 0 then
      redis.call('SET', retry, count, 'KEEPTTL')
    else
      redis.call('DEL', retry)
    end
    if expires then
      redis.call('PEXPIREAT', job_prefix .. id, expires)
    end
    drop(in_progress)
    released = true
    answers[#answers + 1] = 1
  else
    answers[#answers + 1] = 0
  end
end

if released then
  wake_one(KEYS[2])
end
return answers
