-- Prelude: the limits of the key that enqueues: how many jobs a second, and how many that have not ended.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
--
-- rate     STRING  the time up to which its jobs are paid for, unix ms (the generic cell rate algorithm)
-- pending  ZSET    job id -> the latest time at which the job can be there, unix ms
--
-- A value that another program wrote is treated as missing.

-- Entries of `pending` that are looked at, and removed if their job is gone, when the limit is reached.
local SWEPT = 64
local parsed, paid, counts, added, lasting = {}, {}, {}, {}, {}

-- Take the limits apart: "<jobs a second> <burst> <jobs not ended>", '-' for a limit that is not set.
local function limits_of(text)
  if not parsed[text] then
    local rate, burst, pending = string.match(text, '^(%S+) (%S+) (%S+)$')
    rate = tonumber(rate)
    parsed[text] = { rate and { interval = 1000 / rate, burst = tonumber(burst) or 1 }, tonumber(pending) }
  end
  return parsed[text][1], parsed[text][2]
end

local function paid_until(key, rate)
  if not paid[key] then
    local known = tonumber(read('GET', key) or '')
    -- More than can be paid for: the limit has changed, the clock has gone back, or it is damaged.
    local is_possible = known and known > now and known <= now + rate.burst * rate.interval
    paid[key] = is_possible and known or now
  end
  return paid[key]
end

-- Count one job against the rate. Returns ms to wait if it is over the limit (then nothing is counted), else 0; how
-- many jobs are left; and in how many ms the whole burst is free again.
local function pay(key, rate)
  local before = paid_until(key, rate)
  local after = before + rate.interval
  local left = now + rate.burst * rate.interval - after
  -- Half a microsecond for the rounding of fractions.
  if left < -0.0005 then
    return math.ceil(-left), 0, math.ceil(before - now)
  end
  paid[key] = after
  return 0, math.floor((left + 0.0005) / rate.interval), math.ceil(after - now)
end

-- Write what was paid, and which jobs have not ended.
local function write_limits()
  for key, time in pairs(paid) do
    if time > now then
      redis.call('SET', key, string.format('%.3f', time), 'PX', math.ceil(time - now))
    end
  end
  for key, entries in pairs(added) do
    if read('ZADD', key, unpack(entries)) then
      redis.call('PEXPIRE', key, lasting[key], read('PTTL', key) == -1 and 'NX' or 'GT')
    end
  end
end

-- Whether one more job fits.
local function has_room(key, most, job_prefix)
  local number = counts[key] or read('ZCARD', key) or 0
  if number >= most then
    for _, id in ipairs(redis.call('ZRANGE', key, 0, SWEPT - 1)) do
      if redis.call('EXISTS', job_prefix .. id) == 0 then
        number = number - redis.call('ZREM', key, id)
      end
    end
  end
  counts[key] = number
  return number < most
end

-- Count one more job that has not ended; `write_limits` writes it.
local function add_pending(key, id, lives)
  local entries = added[key] or {}
  entries[#entries + 1], entries[#entries + 2] = now + lives, id
  added[key], counts[key] = entries, counts[key] + 1
  lasting[key] = math.max(lasting[key] or 0, lives)
end

-- Check the limits of the key that enqueues a job, before the first write. Returns 0, 6 (over its rate) or 7 (too many
-- of its jobs have not ended); and what is left of its rate: see `pay`.
local function check_limits(rate_key, rate, pending_key, pending, job_prefix)
  if pending and not has_room(pending_key, pending, job_prefix) then
    return 7
  end
  if not rate then
    return 0
  end
  local allowance = { pay(rate_key, rate) }
  return allowance[1] > 0 and 6 or 0, allowance
end
