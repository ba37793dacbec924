-- Prelude: drop a lease, so that a stock arq worker that is claiming the job notices.
--
-- Stock arq claims in two steps and WATCHes in-progress between them. Deleting a lease that does not exist, or has
-- expired, would not trigger the WATCH. So the key is written first, and arq's second step fails.

local function drop(in_progress)
  if redis.call('DEL', in_progress) == 0 then
    redis.call('SET', in_progress, '', 'PX', 1000)
    redis.call('DEL', in_progress)
  end
end
