-- Prelude: notify those who listen to a queue. A notice is only a hint, and nothing is published if nobody listens.

-- kind: enqueued, started, retried or finished
local function notify(listeners, channel, kind, ids)
  if #ids > 0 and redis.call('EXISTS', listeners) == 1 then
    redis.pcall('PUBLISH', channel, kind .. ' ' .. table.concat(ids, ' '))
  end
end
