-- Prelude: hand an outcome to those who wait for it.

-- Hand over one that is not kept. Writing the result's key notifies everyone who waits. It is deleted at once, before
-- anyone can read it, so that the id is free; the outcome itself is stored under a key of its own.
local function hand_over(wanted, outcome, result, blob, lives)
  redis.call('SET', outcome, blob, 'PX', lives)
  redis.call('SET', result, '', 'PX', 1000)
  redis.call('DEL', result, wanted)
end

-- Larger ones are read by those who want them: a message is copied into the buffer of its receiver.
local largest_answer = 16384

-- Send an outcome to the process whose caller waits for it. The message is only a hint: it may be lost.
-- to: '<process>.<number of its call>', else ''; anybody may have written it
local function send_answer(prefix, to, blob)
  local process, number = string.match(to, '^(%w+)%.(%w+)$')
  if process then
    redis.pcall('PUBLISH', prefix .. process, number .. ' ' .. (#blob <= largest_answer and blob or ''))
  end
end
