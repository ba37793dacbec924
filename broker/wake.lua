-- Put before every script that wakes a worker. See scripts.py.
--
-- One token is enough: who takes it and leaves work behind puts the next.
local function wake_one(wake)
  if redis.call('LLEN', wake) == 0 then
    redis.call('RPUSH', wake, '1')
    redis.call('PEXPIRE', wake, 60000)
  end
end

