-- Prelude: hand an outcome that is not kept to those who wait for it.
--
-- Writing the result's key notifies everyone who waits. It is deleted at once, before anyone can read it, so that the
-- id is free; the outcome itself is stored under a key of its own.

local function hand_over(wanted, outcome, result, blob, lives)
  redis.call('SET', outcome, blob, 'PX', lives)
  redis.call('SET', result, '', 'PX', 1000)
  redis.call('DEL', result, wanted)
end
