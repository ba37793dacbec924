-- Prelude: whether a lease is still held.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- A lease is held while in-progress contains its token. It is also held after it ran out, as long as nobody has moved
-- the job since: in-progress does not exist, the job is due, the fraction of its score is this lease's mark, and the
-- count of tries is the one with which this lease began. (The score of another lease has another mark, that of a
-- retried job ends in .5, that of a new or released one has no fraction. Stock arq keeps scores but counts tries.)

-- A lease's mark: a fraction of a millisecond, neither 0 nor 0.5, that a score can hold exactly until the year 2100.
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
