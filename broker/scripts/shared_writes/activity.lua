-- Prelude: count what happens to the jobs of a queue, by function and minute.
-- Uses: clock.lua (now)
-- Uses: read.lua (read)
-- Uses: tally.lua (tally)
--
-- activity  HASH "<kind> <function>" -> number; its key ends with the number of the minute. The kinds are enqueued,
--                succeeded, failed, aborted and retried. Names that are too long, and those beyond MOST_FIELDS, are
--                counted under an empty name: callers may make up names.
--
-- What happened twice because a call was repeated is counted once.

local MOST_FIELDS, LONGEST_NAME, LIVES = 2000, 128, 7200000
local counted = {}

-- Count one event; `write_counts` writes all of them.
local function count_event(kind, name)
  local field = kind .. ' ' .. (#name <= LONGEST_NAME and name or '')
  counted[field] = (counted[field] or 0) + 1
end

local function write_counts(prefix)
  local key = prefix .. math.floor(now / 60000)
  for field, number in pairs(counted) do
    if not tally(key, field, number, MOST_FIELDS, LIVES) then
      read('HINCRBY', key, string.match(field, '^%S+ '), number)
    end
  end
end
