-- Put 1…n jobs into one queue. An id that is taken is left as it is; a repeated call returns the same answer.
-- Uses: clock.lua (now)
-- Uses: read.lua (read, whole, any_marks)
-- Uses: wake.lua (wake_one)
--
-- KEYS[1] queue        ZSET   job id -> due time, unix ms
-- KEYS[2] wake         LIST   at most one token
-- KEYS[3] abort        ZSET   job id -> time of the request, unix ms
-- ARGV[1..4]           key prefixes: job, result, retry, ended
-- ARGV[5]              ms to remember an idempotency key
-- ARGV[6]              key prefix: outcome
-- then for each job:
--   id, body, defer in ms from now, due time in unix ms or '', ttl of the body in ms after the due time
--   (negative: from now), number of the first try or '', idempotency key (a whole key name) or '',
--   digest of the request or '', '1' = the job replaces a kept result of this id (cron jobs with a fixed id);
--   then the idempotency key also remembers that the id was taken, so that all callers get one answer
--
-- Returns for each job { code, due time in unix ms, job id }:
--   1 created, 2 exists, 3 the idempotency key created it before, 4 the idempotency key belongs to another
--   request, or its record cannot be read, 5 the due time is out of range
--
-- No flag allow-oom: a full Redis refuses new jobs.

local job_prefix, result_prefix, retry_prefix, ended_prefix, remember = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local marks = any_marks(KEYS[3])
local answers, created = {}, false

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

-- Called before the first write: fails if the queue's key holds another type of value or must not be written.
-- Changes nothing.
local is_sure = false
local function make_sure()
  if not is_sure then
    redis.call('ZADD', KEYS[1], 'XX', 'GT', '-inf', '')
    is_sure = true
  end
end

for at = 7, #ARGV, 9 do
  local id, body, defer, due, ttl = ARGV[at], ARGV[at + 1], whole(ARGV[at + 2]), ARGV[at + 3], whole(ARGV[at + 4])
  local first_try, idempotency, digest, replaces = ARGV[at + 5], ARGV[at + 6], ARGV[at + 7], ARGV[at + 8] == '1'
  local job, result, ended = job_prefix .. id, result_prefix .. id, ended_prefix .. id
  local score, first = due == '' and defer and now + defer or whole(due), whole(first_try)
  local code = score and ttl and (first or first_try == '') and 0 or 5

  if code == 0 and idempotency ~= '' then
    code, id = seen(idempotency, digest, id, body)
  end
  local is_used = code == 0 and redis.call('EXISTS', job, result, ended) > 0
  if is_used then
    code = met(job, result, ended, body, replaces)
  end
  if code == 2 and replaces and idempotency ~= '' then
    make_sure()
    redis.call('SET', idempotency, digest .. ' ' .. id, 'PX', remember)
  end
  if code == 0 then
    make_sure()
    score = math.max(score, 1)
    local lives = math.max(ttl < 0 and -ttl or math.max(score - now, 0) + ttl, 1)
    if is_used then
      -- The outcome of an earlier job of this id, or a result that is replaced.
      redis.call('DEL', result, ARGV[6] .. id)
    end
    redis.call('SET', job, body, 'PX', lives)
    if first then
      redis.call('SET', retry_prefix .. id, first - 1, 'PX', lives)
    end
    redis.call('ZADD', KEYS[1], score, id)
    if marks then
      -- An abort requested before this job existed was meant for another one (arq #485).
      redis.pcall('ZREM', KEYS[3], id)
    end
    if idempotency ~= '' then
      redis.call('SET', idempotency, digest .. ' ' .. id, 'PX', remember)
    end
    created, code = true, 1
  end
  answers[#answers + 1] = { code, score or 0, id }
end

if created then
  wake_one(KEYS[2])
end
return answers
