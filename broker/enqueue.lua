-- Put 1…n jobs into one queue; each is created or left as it is. A replay answers as the first call did.
-- Uses: wake.lua
--
-- KEYS[1] queue        ZSET   job id -> due time, unix ms
-- KEYS[2] wake         LIST   at most one token
-- KEYS[3] abort        ZSET   job id -> time of the request
-- ARGV[1..4]           key prefixes: job, result, retry, ended
-- ARGV[5]              ms that an idempotency key is remembered
-- then for each job:
--   id, body, defer in ms from now, due time in unix ms or '', ttl of the body in ms after the due time
--   (negative: from now), number of the first try or '', idempotency key (a whole key name) or '',
--   digest of the request or ''
--
-- Returns for each job { code, due time in unix ms, job id }:
--   1 created   2 exists   3 the idempotency key made it before   4 the idempotency key made another request
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local job_prefix, result_prefix, retry_prefix, ended_prefix, remember = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local marks = redis.call('EXISTS', KEYS[3]) == 1
local answers, created = {}, false

-- What an enqueue meets under its id: 0 nothing, 1 itself, repeated, 2 another job. The body holds a token
-- of this one request, so the same body is this very call.
local function met(job, result, ended, body)
  local stored = redis.call('GET', job)
  if stored then
    return stored == body and 1 or 2
  end
  if redis.call('EXISTS', result) == 1 then
    return 2
  end
  local mark = redis.call('GET', ended)
  return mark and string.match(mark, ' (%x+)$') == redis.sha1hex(body) and 1 or 0
end

-- Fails when the queue's name is another kind of key, before anything is written.
redis.call('ZCARD', KEYS[1])

for at = 6, #ARGV, 8 do
  local id, body, defer, due, ttl = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local first_try, idempotency, digest = ARGV[at + 5], ARGV[at + 6], ARGV[at + 7]
  local job, result, ended = job_prefix .. id, result_prefix .. id, ended_prefix .. id
  local score = due ~= '' and math.max(tonumber(due), 1) or now + tonumber(defer)
  local lives = tonumber(ttl) < 0 and -tonumber(ttl) or math.max(score - now, 0) + tonumber(ttl)
  local seen = idempotency ~= '' and redis.call('GET', idempotency)
  local code = 0

  if seen then
    local seen_digest, seen_id = string.match(seen, '^(%S+) (.*)$')
    code = seen_digest == digest and 3 or 4
    if seen_id == id and redis.call('GET', job) == body then
      code = 1
    end
    id = seen_id
  elseif redis.call('EXISTS', job, result, ended) > 0 then
    code = met(job, result, ended, body)
  end
  if code == 0 then
    redis.call('SET', job, body, 'PX', lives)
    if first_try ~= '' then
      redis.call('SET', retry_prefix .. id, tonumber(first_try) - 1, 'PX', lives)
    end
    redis.call('ZADD', KEYS[1], score, id)
    if marks then
      -- An abort asked for before this job existed meant another one (arq #485).
      redis.call('ZREM', KEYS[3], id)
    end
    if idempotency ~= '' then
      redis.call('SET', idempotency, digest .. ' ' .. id, 'PX', remember)
    end
    created, code = true, 1
  end
  answers[#answers + 1] = { code, score, id }
end

if created then
  wake_one(KEYS[2])
end
return answers
