-- Prelude: which idle worker of a queue polls it, while the others sleep.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
-- Uses: wake.lua (wake_one)
--
-- Some jobs wake nobody: those of stock arq producers, those whose due time comes, those whose lease runs out. The
-- idle worker that will look first is named; when it finds more than it can run, it wakes the next.
--
-- poller STRING "<worker> <unix ms of its next look>": it expires soon after that time, so that a worker that was
-- killed, is frozen or blocked is replaced.

local GRACE = 1000

-- The worker that is named, and when it looks; nil = there is none. A name that does not expire is not from here, and
-- would keep all workers asleep for ever.
local function poller_of(key)
  local worker, at = string.match(read('GET', key) or '', '^(%S+) (%d+)$')
  if worker and redis.call('PTTL', key) >= 0 then
    return worker, at
  end
end

-- Whether a worker is named that looks within so many ms.
local function is_polled(key, within)
  local _, at = poller_of(key)
  return at ~= nil and tonumber(at) <= now + within
end

-- Name `worker`, which will look at `look`, unless another looks earlier; returns whether it is named.
local function name_poller(key, worker, look)
  local other, at = poller_of(key)
  if other and other ~= worker and tonumber(at) <= look then
    return false
  end
  redis.pcall('SET', key, worker .. ' ' .. look, 'PX', look - now + GRACE)
  return true
end

-- If `worker` is named, let another one take its place.
local function resign(key, worker, wake)
  if poller_of(key) == worker then
    redis.pcall('DEL', key)
    wake_one(wake)
  end
end
