-- Put before every script that ends or moves a job. See scripts.py.
--
-- Stock arq claims in two steps, and watches in-progress in between. A lease that is not there, or has run
-- out, leaves nothing to delete and so nothing to be seen: it is written first, and arq's second step fails.
local function drop(in_progress)
  if redis.call('DEL', in_progress) == 0 then
    redis.call('SET', in_progress, '', 'PX', 1000)
    redis.call('DEL', in_progress)
  end
end

