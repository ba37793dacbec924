#!lua flags=allow-oom
-- Take up to n due jobs: put a lease on each and count a try for each.
-- Uses: read.lua (read, whole, any_marks)
-- Uses: lease.lua (held, mark_of)
-- Uses: clock.lua (now)
-- Uses: wake.lua (wake_one)
-- Uses: drop.lua (drop)
-- Uses: notice.lua (notify)
-- Uses: tries.lua (keep_try)
-- Uses: poller.lua (name_poller, resign)
--
-- KEYS[1] queue   ZSET    job id -> due time, unix ms; raised here to the end of the lease plus its mark (lease.lua)
-- KEYS[2] wake    LIST    at most one token
-- KEYS[3] abort   ZSET    job id -> time of the request, unix ms
-- KEYS[4] claim   STRING  the worker's last claim: msgpack { token, id, score, tries, id, … }
-- KEYS[5] paused  STRING  exists while the queue is paused
-- KEYS[6] listeners  STRING  exists while somebody listens to the queue
-- KEYS[7] poller  STRING  the worker that polls the queue, see poller.lua
-- ARGV[1..3]      key prefixes: job, in-progress, retry
-- ARGV[4]         token of this claim: the worker's id, a colon and a number
-- ARGV[5]         number of jobs to take at most
-- ARGV[6]         lease in ms
-- ARGV[7]         ttl in ms for retry, claim and suspect
-- ARGV[8]         ids to read at a time when some have to be skipped
-- ARGV[9..10]     key prefixes: result, suspect
-- ARGV[11]        pub/sub channel of those who listen
-- ARGV[12]        key prefix: tries
-- ARGV[13]        most entries of tries
-- ARGV[14]        ms until the worker claims again if nobody wakes it; '' = it never lets another one do so
-- ARGV[15]        unix ms after which nothing is taken, because the worker must first make sure that this server is the
--                 right one; '' = it is sure
--
-- Returns { now, due time of the next job (0 = due jobs may be left, -1 = none, -2 = paused, -3 = too late),
--           0 = another worker polls the queue, else 1,
--           then for each job: id, tries (0 = damaged), due time before the claim, body or false,
--           abort mark or false, ms until the body was to expire (< 0 = never), crashes in a row,
--           tries that do not count }
--
-- Repeated with the same token it returns the same jobs again, so a lost answer costs neither a try nor a job.
--
-- A job is damaged when its body, its lease or its count of tries holds another type of value. It is taken without
-- counting a try, so that it does not block the queue, and the worker ends it.
--
-- A lease mark in the score of a due job shows that the lease ran out: its worker died or was cut off. This is a
-- crash, and any of the worker's jobs may have caused it, so all of them become suspects. A crash counts as a try
-- of a suspect only if it ran alone. A job that had not started when its worker died gets its try back.
-- suspect STRING: "<crashes in a row> <tries that do not count> <claims in a row that did not start> <how the last
-- try started: 0 not at all, 1 beside other jobs, 2 alone>". First tries skip all this, so most jobs do not pay for it.

local job_prefix, in_progress_prefix, retry_prefix = ARGV[1], ARGV[2], ARGV[3]
-- Numbers that many commands get stay texts: Redis would format them each time.
local token, limit, lease, ttl = ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7]
local queue = KEYS[1]
local worker = string.match(token, '^(.+):') or token
local leased_until, longer = string.format('%.17g', now + tonumber(lease) + mark_of(token)), 2 * tonumber(lease)
-- More than any job can have been started: such a count is damaged.
local MOST_TRIES = 1e9
-- Bounds the crashes of a job that never crashes alone.
local MOST_UNCOUNTED = 10
-- Bounds the claims of a job that kills its worker before it starts, for example by its size.
local MOST_IDLE = 100
local marks = any_marks(KEYS[3])
local record, answer, started = { token }, { now, -1, 1 }, {}

local function suspicion(id)
  local known = read('GET', ARGV[10] .. id) or ''
  local crashes, uncounted, idle, began = string.match(known, '^(%d+) (%d+) (%d+) ([012])$')
  return tonumber(crashes) or 0, tonumber(uncounted) or 0, tonumber(idle) or 0, began or '1'
end

-- Before the next try, note how the last one ended; returns the number of the next one.
local function note_end(id, score, tries)
  local crashes, uncounted, idle, began = suspicion(id)
  local fraction = score - math.floor(score)
  if fraction == 0.5 then -- by a retry: no crash
    crashes = 0
  elseif fraction ~= 0 and crashes > 0 and began == '0' and idle < MOST_IDLE then -- it had not started
    idle, tries = idle + 1, tries - 1
    redis.call('SET', retry_prefix .. id, tries, 'KEEPTTL')
  elseif fraction ~= 0 then -- its lease ran out
    crashes = crashes + 1
    uncounted = began == '2' and 0 or math.min(uncounted + 1, MOST_UNCOUNTED)
    keep_try(ARGV[12] .. id, score, '{"n":' .. tries - 1 .. ',"lost":true}', ARGV[13], ttl)
  end
  if crashes + uncounted > 0 then
    redis.call('SET', ARGV[10] .. id, table.concat({ crashes, uncounted, idle, '0' }, ' '), 'PX', ttl)
  end
  return tries
end

local function take(id, score, tries, body)
  redis.call('ZADD', queue, leased_until, id)
  local job = job_prefix .. id
  local left = redis.call('PTTL', job)
  if left >= 0 and left < longer then
    -- It was claimed before it expired; from here on renewals keep it.
    redis.call('PEXPIRE', job, longer)
  end
  local at = #answer
  answer[at + 1], answer[at + 2], answer[at + 3] = id, tonumber(tries), tonumber(score)
  answer[at + 4], answer[at + 5] = body, marks and redis.call('ZSCORE', KEYS[3], id)
  answer[at + 6], answer[at + 7], answer[at + 8] = left, 0, 0
  if tonumber(tries) > 1 then
    answer[at + 7], answer[at + 8] = suspicion(id)
  end
  started[#started + 1] = id
  at = #record
  record[at + 1], record[at + 2], record[at + 3] = id, score, tostring(tries)
end

-- The worker's last claim if it has this token; else nil.
local function claimed_before()
  local known, last = pcall(cmsgpack.unpack, read('GET', KEYS[4]) or '')
  return known and type(last) == 'table' and last[1] == token and last or nil
end

local function take_again(last)
  for at = 2, #last, 3 do
    local id, score, tries = last[at], last[at + 1], last[at + 2]
    local known = type(id) == 'string' and tonumber(score) and type(tries) == 'string' and whole(tries)
    if known and held(queue, in_progress_prefix .. id, retry_prefix .. id, id, token, tries) then
      redis.call('SET', in_progress_prefix .. id, token, 'PX', lease)
      take(id, score, tries, read('GET', job_prefix .. id))
    end
  end
end

-- An id without a body but with a result: a job of this id has ended in another queue. Running it would overwrite
-- that result with "expired".
local function has_ended(id)
  if redis.call('EXISTS', ARGV[9] .. id) == 0 then
    return false
  end
  redis.call('ZREM', queue, id)
  redis.call('DEL', retry_prefix .. id, ARGV[10] .. id)
  drop(in_progress_prefix .. id)
  return true
end

-- Count a try; returns its number, 0 if the count is damaged.
local function count_try(id, score)
  local retry = retry_prefix .. id
  local before, spoilt = read('SET', retry, 1, 'NX', 'GET', 'PX', ttl)
  if not before and not spoilt then
    return 1
  end
  local tries = read('INCR', retry)
  if not tries or tries < 1 or tries > MOST_TRIES then
    return 0
  end
  redis.call('PEXPIRE', retry, ttl)
  return tries > 1 and note_end(id, tonumber(score), tries) or tries
end

-- Take one job unless it runs elsewhere; returns whether it does. A damaged lease belongs to nobody.
local function take_one(id, score)
  local lease_key = in_progress_prefix .. id
  local owner, spoilt = read('SET', lease_key, token, 'NX', 'GET', 'PX', lease)
  if owner then
    return true
  end
  local body, lost = read('GET', job_prefix .. id)
  if spoilt then
    redis.call('SET', lease_key, token, 'PX', lease)
  end
  if body or lost or not has_ended(id) then
    take(id, score, (spoilt or lost) and 0 or count_try(id, score), body)
  end
end

-- Skip jobs that run elsewhere with a low score, as those of stock arq do. Returns whether all due jobs were seen.
local passed = 0
local function take_due()
  while #record < 1 + 3 * limit do
    local wanted = limit - (#record - 1) / 3
    local page = passed == 0 and wanted or math.max(wanted, tonumber(ARGV[8]))
    local due = redis.call('ZRANGEBYSCORE', queue, '-inf', now, 'WITHSCORES', 'LIMIT', passed, page)
    for at = 1, #due, 2 do
      if #record >= 1 + 3 * limit then
        return false
      end
      -- To arq, a score of 0 means "not queued".
      if tonumber(due[at + 1]) == 0 or take_one(due[at], due[at + 1]) then
        passed = passed + 1
      end
    end
    if #due < 2 * page then
      return true
    end
  end
  return false
end

-- Whether more may be left of what is due; else sets the next due time.
local function note_next_due(are_all_seen)
  if not are_all_seen and redis.call('ZCOUNT', queue, '-inf', now) > passed then
    answer[2] = 0
    return true
  end
  local upcoming = redis.call('ZRANGEBYSCORE', queue, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  answer[2] = upcoming[2] and math.ceil(tonumber(upcoming[2])) or -1
end

-- The worker has room left and will wait: say whether it has to look again by itself.
local function share_polls()
  if ARGV[14] ~= '' then
    local look = now + math.max(whole(ARGV[14]), 1)
    look = answer[2] > 0 and math.min(look, answer[2]) or look
    answer[3] = name_poller(KEYS[7], worker, look) and 1 or 0
  end
end

if ARGV[15] ~= '' and now > tonumber(ARGV[15]) then
  answer[2] = -3
  return answer
end
local last = claimed_before()
if last then
  take_again(last)
  answer[2] = 0
  return answer
end
if redis.call('EXISTS', KEYS[5]) == 1 then
  answer[2] = -2
  share_polls()
  return answer
end
local are_all_seen = take_due()
if #record > 1 then
  redis.call('SET', KEYS[4], cmsgpack.pack(record), 'PX', ttl)
  notify(KEYS[6], ARGV[11], 'started', started)
end
if note_next_due(are_all_seen) then
  wake_one(KEYS[2])
end
if #record < 1 + 3 * limit then
  share_polls()
else
  resign(KEYS[7], worker, KEYS[2])
end
return answer
