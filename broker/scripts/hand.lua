-- Put before every script that ends a job whose result is not kept. See scripts.py.
--
-- Whoever waits is notified of a write to the result's key. It is gone again before anyone can read it, so
-- that the id is free at once; the outcome stands under a key of its own.
local function hand_over(wanted, outcome, result, blob, lives)
  redis.call('SET', outcome, blob, 'PX', lives)
  redis.call('SET', result, '', 'PX', 1000)
  redis.call('DEL', result, wanted)
end

