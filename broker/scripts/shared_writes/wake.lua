-- Prelude: wake an idle worker.
-- Uses: clock.lua (now)
--
-- One token is enough: a worker that takes it and leaves due jobs behind adds the next. The token is only a hint and
-- the last write of a script: if the key holds another type of value, workers find the job when they next poll.
-- It says when it was made, so that a worker that has been asleep knows how recently this server was in use.

local function wake_one(wake)
  if redis.pcall('LLEN', wake) == 0 then
    redis.pcall('RPUSH', wake, now)
    redis.pcall('PEXPIRE', wake, 60000)
  end
end
