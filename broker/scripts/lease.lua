-- Put before every script that asks whether a lease is still held. See scripts.py.
--
-- A lease is held while its token stands in in-progress. It is also still held when it has run out but
-- nobody has moved the job since: then no owner stands there, the job is due, its score ends in this lease's
-- mark, and the count of tries is the one that this lease began with. (The scores of other leases end in
-- other marks, that of a retried job in .5, and of new and released ones in nothing; stock arq, which leaves
-- scores alone, counts tries.)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- A fraction of a millisecond, other than 0 and 0.5, and as fine as a score can hold until the year 2100.
local function mark_of(token)
  local number = tonumber(string.sub(redis.sha1hex(token), 1, 8), 16) % 2046 + 1
  return (number < 1024 and number or number + 1) / 2048
end

local function held(queue, in_progress, retry, id, token, tries)
  local owner, spoilt = read('GET', in_progress)
  if owner or spoilt then
    return owner == token
  end
  local score = tonumber(redis.call('ZSCORE', queue, id))
  local mark = score and score <= now and score - math.floor(score)
  return mark == mark_of(token) and read('GET', retry) == tries
end
