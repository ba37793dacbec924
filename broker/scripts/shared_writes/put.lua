-- Prelude: put a job into a queue.
-- Uses: read.lua (any_marks)

-- Called before the first write: fails if the queue's key holds another type of value or must not be written.
-- Changes nothing.
local is_sure = false
local function make_sure(queue)
  if not is_sure then
    redis.call('ZADD', queue, 'XX', 'GT', '-inf', '')
    is_sure = true
  end
end

-- Store a job for `lives` ms, due at `score`.
local has_marks
local function put(queue, abort, job, id, body, score, lives)
  redis.call('SET', job, body, 'PX', lives)
  redis.call('ZADD', queue, score, id)
  if has_marks == nil then
    has_marks = any_marks(abort)
  end
  if has_marks then
    -- An abort requested before this job existed was meant for another one (arq #485).
    redis.pcall('ZREM', abort, id)
  end
end
