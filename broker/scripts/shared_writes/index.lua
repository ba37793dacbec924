-- Prelude: list jobs that have ended, so that they are found without a scan.
-- Uses: read.lua (read)
--
-- index  ZSET job id -> time of the end, unix ms
--
-- Entries whose result has expired are removed from its old end, up to twice as many as are added. Where results are kept
-- for different times some stay longer; the limit bounds them.

-- Drop the oldest entries if all of their results have expired. The last of them is asked first: it mostly has not.
local function drop_oldest(index, count, result_prefix)
  local last = redis.call('ZRANGE', index, count - 1, count - 1)[1]
  if not last or redis.call('EXISTS', result_prefix .. last) == 1 then
    return
  end
  local oldest = redis.call('ZRANGE', index, 0, count - 1)
  for at, id in ipairs(oldest) do
    oldest[at] = result_prefix .. id
  end
  if redis.call('EXISTS', unpack(oldest)) == 0 then
    redis.call('ZREMRANGEBYRANK', index, 0, count - 1)
  end
end

-- entries: time, id, time, id, …; keep: for how long the results stay, in ms (-1 = for ever); most: largest number
local function list_ended(index, entries, keep, most, result_prefix)
  if #entries == 0 or not read('ZADD', index, unpack(entries)) then
    return
  end
  local number = redis.call('ZCARD', index)
  if number > most then
    redis.call('ZREMRANGEBYRANK', index, 0, number - most - 1)
  end
  drop_oldest(index, #entries, result_prefix)
  if keep < 0 then
    redis.call('PERSIST', index)
  elseif number * 2 == #entries then -- it is new
    redis.call('PEXPIRE', index, keep)
  else
    redis.call('PEXPIRE', index, keep, 'GT')
  end
end

-- Keep a failed job's request as long as its result, so that it can be run again exactly, and the note of its failure,
-- so that failures are counted and filtered without reading results.
local function keep_failure(job, request, keep, note_key, note)
  if keep < 0 then
    redis.call('SET', note_key, note)
  else
    redis.call('SET', note_key, note, 'PX', keep)
  end
  local moved = redis.pcall('RENAME', job, request)
  if type(moved) == 'table' and moved.ok then
    if keep < 0 then
      redis.call('PERSIST', request)
    else
      redis.call('PEXPIRE', request, keep)
    end
  end
end
