-- Prove that scripts run and that the clock can be read. Writes nothing.
-- Returns unix ms.
local clock = redis.call('TIME')
return clock[1] * 1000 + math.floor(clock[2] / 1000)
