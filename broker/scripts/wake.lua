-- Put before every script that wakes a worker. See scripts.py.
--
-- One token is enough: who takes it and leaves work behind puts the next. It is only a hint, put after all
-- other writes: where the key is of another kind, workers find the job at their next look.
local function wake_one(wake)
  if redis.pcall('LLEN', wake) == 0 then
    redis.pcall('RPUSH', wake, '1')
    redis.pcall('PEXPIRE', wake, 60000)
  end
end

