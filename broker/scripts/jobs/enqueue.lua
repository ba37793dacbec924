-- Put 1…n jobs into one queue. An id that is taken is left as it is; a repeated call returns the same answer.
-- Uses: clock.lua (now)
-- Uses: read.lua (read, whole)
-- Uses: wake.lua (wake_one)
-- Uses: put.lua (make_sure, put)
-- Uses: limits.lua (limits_of, check_limits, write_limits, add_pending)
-- Uses: activity.lua (count_event, write_counts)
-- Uses: notice.lua (notify)
--
-- KEYS[1] queue        ZSET   job id -> due time, unix ms
-- KEYS[2] wake         LIST   at most one token
-- KEYS[3] abort        ZSET   job id -> time of the request, unix ms
-- KEYS[4] listeners    STRING exists while somebody listens to the queue
-- ARGV[1..4]           key prefixes: job, result, retry, ended
-- ARGV[5]              ms to remember an idempotency key
-- ARGV[6..8]           key prefixes: outcome, request, retried
-- ARGV[9..11]          key prefixes: rate, pending, activity
-- ARGV[12]             pub/sub channel of those who listen
-- ARGV[13..14]         key prefixes: failure, tries
-- then for each job:
--   id, body, defer in ms from now, due time in unix ms or '', ttl of the body in ms after the due time
--   (negative: from now), number of the first try or '', idempotency key (a whole key name) or '',
--   digest of the request or '', '1' = the job replaces a kept result of this id (cron jobs with a fixed id);
--   then the idempotency key also remembers that the id was taken, so that all callers get one answer;
--   function, name of the key that enqueues it if that is limited, else '', its limits (limits.lua) or ''
--
-- Returns for each job { code, due time in unix ms, job id }:
--   1 created, 2 exists, 3 the idempotency key created it before, 4 the idempotency key belongs to another
--   request, or its record cannot be read, 5 the due time is out of range,
--   6 over the key's rate, 7 too many jobs of the key have not ended
-- and of a key with a rate { …, ms to wait, jobs that are left, ms until the whole burst is free }
--
-- No flag allow-oom: a full Redis refuses new jobs.

local job_prefix, result_prefix, retry_prefix, ended_prefix, remember = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local rate_prefix, pending_prefix = ARGV[9], ARGV[10]
local answers, created = {}, {}

-- What exists under the id: 0 nothing, 1 this very call, which is repeated, 2 another job. The body contains a token
-- of the call, so an equal body means the same call.
local function met(job, result, ended, body, replaces)
  local stored, spoilt = read('GET', job)
  if stored or spoilt then
    return stored == body and 1 or 2
  end
  if not replaces and redis.call('EXISTS', result) == 1 then
    return 2
  end
  local mark = read('GET', ended)
  return mark and string.match(mark, ' (%x+)$') == redis.sha1hex(body) and 1 or 0
end

-- What the idempotency key was used for: 0 nothing, 1 this very call, 3 the same request, 4 another request; and the
-- id of the job that was created.
local function seen(idempotency, digest, id, body)
  local record, spoilt = read('GET', idempotency)
  if not record then
    return spoilt and 4 or 0, id
  end
  local made_by, made = string.match(record, '^(%S+) ([^%c]+)$')
  if made == id and met(job_prefix .. id, result_prefix .. id, ended_prefix .. id, body) == 1 then
    return 1, id
  end
  return made_by == digest and 3 or 4, made or id
end

for at = 15, #ARGV, 12 do
  local id, body, defer, due, ttl = ARGV[at], ARGV[at + 1], whole(ARGV[at + 2]), ARGV[at + 3], whole(ARGV[at + 4])
  local first_try, idempotency, digest, replaces = ARGV[at + 5], ARGV[at + 6], ARGV[at + 7], ARGV[at + 8] == '1'
  local owner, rate, pending = ARGV[at + 10]
  local job, result, ended = job_prefix .. id, result_prefix .. id, ended_prefix .. id
  local score, first = due == '' and defer and now + defer or whole(due), whole(first_try)
  local code = score and ttl and (first or first_try == '') and 0 or 5
  local allowance

  if code == 0 and idempotency ~= '' then
    code, id = seen(idempotency, digest, id, body)
  end
  local is_used = code == 0 and redis.call('EXISTS', job, result, ended) > 0
  if is_used then
    code = met(job, result, ended, body, replaces)
  end
  if code == 2 and replaces and idempotency ~= '' then
    make_sure(KEYS[1])
    redis.call('SET', idempotency, digest .. ' ' .. id, 'PX', remember)
  end
  if code == 0 then
    make_sure(KEYS[1])
    if owner ~= '' then
      rate, pending = limits_of(ARGV[at + 11])
      code, allowance = check_limits(rate_prefix .. owner, rate, pending_prefix .. owner, pending, job_prefix)
    end
  end
  if code == 0 then
    score = math.max(score, 1)
    local lives = math.max(ttl < 0 and -ttl or math.max(score - now, 0) + ttl, 1)
    if is_used then
      -- The outcome of an earlier job of this id, or a result that is replaced.
      redis.call('DEL', result, ARGV[6] .. id, ARGV[7] .. id, ARGV[8] .. id, ARGV[13] .. id, ARGV[14] .. id)
    end
    if first then
      redis.call('SET', retry_prefix .. id, first - 1, 'PX', lives)
    end
    put(KEYS[1], KEYS[3], job, id, body, score, lives)
    if idempotency ~= '' then
      redis.call('SET', idempotency, digest .. ' ' .. id, 'PX', remember)
    end
    if pending then
      add_pending(pending_prefix .. owner, id, lives)
    end
    count_event('enqueued', ARGV[at + 9])
    created[#created + 1], code = id, 1
  end
  answers[#answers + 1] = allowance and { code, score or 0, id, unpack(allowance) } or { code, score or 0, id }
end

if #created > 0 then
  write_limits()
  write_counts(ARGV[11])
  notify(KEYS[4], ARGV[12], 'enqueued', created)
  wake_one(KEYS[2])
end
return answers
