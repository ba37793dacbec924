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
-- ARGV[15]             number of forms; a form is what jobs of one call have in common
-- then for each form:
--   defer in ms from now, due time in unix ms or '', ttl of the body in ms after the due time (negative: from now),
--   number of the first try or '', idempotency key (a whole key name) or '', digest of the request or '',
--   '1' = the job replaces a kept result of this id (cron jobs with a fixed id); then the idempotency key also
--   remembers that the id was taken, so that all callers get one answer;
--   function, name of the key that enqueues it if that is limited, else '', its limits (limits.lua) or ''
-- then for each job:
--   id, body, number of its form
--
-- Returns for each job its due time in unix ms if it was created and there is no more to say, else
-- { code, due time in unix ms, job id }:
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

-- One form, from ten arguments.
local function form_at(at)
  local defer, due, ttl, first = whole(ARGV[at]), ARGV[at + 1], whole(ARGV[at + 2]), whole(ARGV[at + 3])
  local score = due == '' and defer and now + defer or whole(due)
  local form = { first = first, idempotency = ARGV[at + 4], digest = ARGV[at + 5], function_name = ARGV[at + 7] }
  form.code = score and ttl and (first or ARGV[at + 3] == '') and 0 or 5
  form.replaces, form.owner = ARGV[at + 6] == '1', ARGV[at + 8]
  if form.owner ~= '' then
    form.rate, form.pending = limits_of(ARGV[at + 9])
  end
  form.score = math.max(score or 0, 1)
  form.lives = math.max(not ttl and 0 or ttl < 0 and -ttl or math.max(form.score - now, 0) + ttl, 1)
  return form
end

local forms, first_job = {}, 16 + 10 * ARGV[15]
for at = 16, first_job - 1, 10 do
  forms[#forms + 1] = form_at(at)
end

for at = first_job, #ARGV, 3 do
  local id, body, form = ARGV[at], ARGV[at + 1], forms[tonumber(ARGV[at + 2])]
  local job, result, ended = job_prefix .. id, result_prefix .. id, ended_prefix .. id
  local code, allowance = form.code

  if code == 0 and form.idempotency ~= '' then
    code, id = seen(form.idempotency, form.digest, id, body)
  end
  local is_used = code == 0 and redis.call('EXISTS', job, result, ended) > 0
  if is_used then
    code = met(job, result, ended, body, form.replaces)
  end
  if code == 2 and form.replaces and form.idempotency ~= '' then
    make_sure(KEYS[1])
    redis.call('SET', form.idempotency, form.digest .. ' ' .. id, 'PX', remember)
  end
  if code == 0 then
    make_sure(KEYS[1])
    if form.owner ~= '' then
      local rate_key, pending_key = rate_prefix .. form.owner, pending_prefix .. form.owner
      code, allowance = check_limits(rate_key, form.rate, pending_key, form.pending, job_prefix)
    end
  end
  if code == 0 then
    if is_used then
      -- The outcome of an earlier job of this id, or a result that is replaced.
      redis.call('DEL', result, ARGV[6] .. id, ARGV[7] .. id, ARGV[8] .. id, ARGV[13] .. id, ARGV[14] .. id)
    end
    if form.first then
      redis.call('SET', retry_prefix .. id, form.first - 1, 'PX', form.lives)
    end
    put(KEYS[1], KEYS[3], job, id, body, form.score, form.lives)
    if form.idempotency ~= '' then
      redis.call('SET', form.idempotency, form.digest .. ' ' .. id, 'PX', remember)
    end
    if form.pending then
      add_pending(pending_prefix .. form.owner, id, form.lives)
    end
    count_event('enqueued', form.function_name)
    created[#created + 1], code = id, 1
  end
  local is_plain = code == 1 and not allowance and id == ARGV[at]
  answers[#answers + 1] = is_plain and form.score or { code, form.score, id, unpack(allowance or {}) }
end

if #created > 0 then
  write_limits()
  write_counts(ARGV[11])
  notify(KEYS[4], ARGV[12], 'enqueued', created)
  wake_one(KEYS[2])
end
return answers
