-- Prelude: the time of Redis, so that the clocks of workers and gateways do not matter.

-- Unix ms.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
