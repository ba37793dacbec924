-- Put before every script that asks whether a lease is still held. See scripts.py.
--
-- A lease is held while its token stands in in-progress. It is also still held when it has run out but
-- nobody has taken the job since: then no owner stands there, the job is due, its score is a whole number
-- and the count of tries is the one that this lease began with. (A released job has another count, a
-- retried one a score that ends in .5.)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function held(queue, in_progress, retry, id, token, tries)
  local owner = redis.call('GET', in_progress)
  if owner then
    return owner == token
  end
  local score = tonumber(redis.call('ZSCORE', queue, id))
  return score and score <= now and score == math.floor(score) and redis.call('GET', retry) == tries
end
