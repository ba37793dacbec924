-- Prelude: keep what is known of each try of a job that is followed by another try.
-- Uses: read.lua (read)
--
-- tries  LIST "<unix ms of the end> <JSON>": see earlier_tries.py. The oldest are dropped.

local function keep_try(tries, ended, entry, most, ttl)
  if read('RPUSH', tries, string.format('%.0f ', math.floor(ended)) .. entry) then
    redis.call('LTRIM', tries, -most, -1)
    redis.call('PEXPIRE', tries, ttl)
  end
end

-- Keep the tries of a job that has ended as long as its result: ms, 0 = not at all, -1 = for ever.
local function keep_tries(tries, keep)
  if keep < 0 then
    redis.call('PERSIST', tries)
  else
    redis.call('PEXPIRE', tries, keep)
  end
end
