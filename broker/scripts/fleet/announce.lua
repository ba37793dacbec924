#!lua flags=allow-oom
-- A worker's heartbeat: list it as alive in its queues, keep its catalogue, and look whether the queues are polled.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
-- Uses: known.lua (note_queues)
-- Uses: epoch.lua (name_data_set)
-- Uses: poller.lua (is_polled)
--
-- KEYS[1] epoch      STRING  name of the data set
-- KEYS[2] queues     ZSET    queue -> unix ms at which it was last in use
-- KEYS[3] vitals     STRING  what the worker does (JSON)
-- then for each queue:
--   workers    ZSET    worker id -> unix ms at which its record expires, or has expired
--   worker     STRING  time of this heartbeat in unix ms, a space, the record
--   poller     STRING  the worker that polls the queue, see poller.lua
-- last: catalogue  STRING  its functions; left out if it publishes none
-- ARGV[1] worker id
-- ARGV[2] record (JSON)
-- ARGV[3] ttl in ms
-- ARGV[4] ttl of the catalogue in ms
-- ARGV[5] length of the catalogue in bytes
-- ARGV[6] vitals, '' = not known
-- ARGV[7] name for the data set, if it has none
-- ARGV[8] ms between two polls of this worker, '' = any poll of another will do
-- ARGV[9…] the queues
--
-- Returns { name of the data set or '', 0 = the catalogue is gone or something else is in its place, else 1,
--   0 = nobody polls one of the queues, or only later than this worker would, else 1 }
-- Where the key of a queue's workers holds another type of value, the worker is not listed.

-- How long a worker is remembered that did not retire, in ms.
local LOST_FOR = 600000

local id, ttl = ARGV[1], tonumber(ARGV[3])
local within = tonumber(ARGV[8]) or math.huge
local record, last, are_polled = now .. ' ' .. ARGV[2], 3, 1

for _ = 9, #ARGV do
  local workers, worker, poller = KEYS[last + 1], KEYS[last + 2], KEYS[last + 3]
  last = last + 3
  redis.call('SET', worker, record, 'PX', ttl)
  if read('ZREMRANGEBYSCORE', workers, '-inf', now - LOST_FOR) then
    redis.call('ZADD', workers, now + ttl, id)
    if redis.call('PTTL', workers) < ttl + LOST_FOR then
      redis.call('PEXPIRE', workers, ttl + LOST_FOR)
    end
  end
  if not is_polled(poller, within) then
    are_polled = 0
  end
end
if ARGV[6] ~= '' then
  redis.call('SET', KEYS[3], ARGV[6], 'PX', ttl)
end
note_queues(KEYS[2], ARGV, 9)
local catalogue, is_kept = KEYS[last + 1], 1
if catalogue then
  is_kept = read('STRLEN', catalogue) == tonumber(ARGV[5]) and redis.call('PEXPIRE', catalogue, ARGV[4]) or 0
end
return { name_data_set(KEYS[1], ARGV[7]), is_kept, are_polled }
