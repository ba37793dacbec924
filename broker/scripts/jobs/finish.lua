#!lua flags=allow-oom
-- End 1…n jobs of one queue: store the result and delete everything else, at once.
-- Uses: read.lua (read, whole, any_marks)
-- Uses: lease.lua (held)
-- Uses: drop.lua (drop)
-- Uses: hand.lua (hand_over, send_answer)
-- Uses: index.lua (list_ended, keep_failure)
-- Uses: activity.lua (count_event, write_counts)
-- Uses: notice.lua (notify)
-- Uses: tries.lua (keep_tries)
-- Uses: clock.lua (now)
--
-- KEYS[1] queue      ZSET   job id -> due time, unix ms
-- KEYS[2] abort      ZSET   job id -> time of the request, unix ms
-- KEYS[3] finished   ZSET   job id -> time of its end, unix ms: jobs whose results are kept
-- KEYS[4] failed     ZSET   the same for those that failed
-- KEYS[5] listeners  STRING exists while somebody listens to the queue
-- ARGV[1..6]      key prefixes: job, result, in-progress, retry, progress, ended
-- ARGV[7]         ms to keep the mark of an end without a kept result
-- ARGV[8..9]      key prefixes: wanted, outcome
-- ARGV[10]        ms for which an outcome that is not kept can be fetched
-- ARGV[11..14]    key prefixes: suspect, request, pending, activity
-- ARGV[15]        pub/sub channel of those who listen
-- ARGV[16]        most entries of an index
-- ARGV[17..18]    key prefixes: failure, tries
-- ARGV[19]        prefix of the pub/sub channels of answers
-- then for each job:
--   id, token, tries, ms to keep the result (0 = not at all, -1 = for ever), result ('' if it is not kept and nobody
--   is known to wait for it), note: for the mark of the end, if the result is not kept ('abort ' and the job's owner if
--   it was aborted, else ''), or of the failure, if there is one and the result is kept (failure_notes.py),
--   how it ended: succeeded, failed or aborted, function, name of the key whose pending jobs are counted, else '',
--   where its caller waits for the answer, else ''
--
-- Writes ended  STRING  "<token> <note><SHA-1 of the body>", if the result is not kept: distinguishes a repeated
--                       finish, and a repeated enqueue of this job, from new ones
-- Returns for each job: 1 done (also when repeated), 0 stale,
--   2 nothing done: somebody waits for the outcome, call again with the result

local job_prefix, result_prefix, in_progress_prefix, retry_prefix = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local progress_prefix, ended_prefix, remember = ARGV[5], ARGV[6], ARGV[7]
local wanted_prefix, outcome_prefix, outlives = ARGV[8], ARGV[9], ARGV[10]
local marks = any_marks(KEYS[2])
local answers, ended_ids, finished, failed, kept_for = {}, {}, {}, {}, 0

-- List a job whose result is kept; of a failed one the request and a note of its failure are kept, too.
local function list_kept(id, keep, ending, note)
  kept_for = (keep < 0 or kept_for < 0) and -1 or math.max(kept_for, keep)
  finished[#finished + 1], finished[#finished + 2] = now, id
  if ending ~= 'succeeded' then
    failed[#failed + 1], failed[#failed + 2] = now, id
    keep_failure(job_prefix .. id, ARGV[12] .. id, keep, ARGV[17] .. id, note)
  end
end

for at = 20, #ARGV, 10 do
  local id, token, tries, keep, blob = ARGV[at], ARGV[at + 1], ARGV[at + 2], whole(ARGV[at + 3]) or -1, ARGV[at + 4]
  local in_progress, retry, result = in_progress_prefix .. id, retry_prefix .. id, result_prefix .. id
  local is_held = held(KEYS[1], in_progress, retry, id, token, tries)
  if is_held and keep == 0 and blob == '' and redis.call('EXISTS', wanted_prefix .. id) == 1 then
    answers[#answers + 1] = 2
  elseif is_held then
    redis.call('ZREM', KEYS[1], id)
    if keep > 0 then
      redis.call('SET', result, blob, 'PX', keep)
    elseif keep < 0 then
      redis.call('SET', result, blob)
    else
      local body = read('GET', job_prefix .. id) or ''
      redis.call('SET', ended_prefix .. id, token .. ' ' .. ARGV[at + 5] .. redis.sha1hex(body), 'PX', remember)
      if blob ~= '' then
        hand_over(wanted_prefix .. id, outcome_prefix .. id, result, blob, outlives)
      end
    end
    if tries ~= '1' then
      keep_tries(ARGV[18] .. id, keep)
    end
    if keep ~= 0 then
      list_kept(id, keep, ARGV[at + 6], ARGV[at + 5])
    end
    if ARGV[at + 8] ~= '' then
      read('ZREM', ARGV[13] .. ARGV[at + 8], id)
    end
    count_event(ARGV[at + 6], ARGV[at + 7])
    ended_ids[#ended_ids + 1] = id
    redis.call('DEL', job_prefix .. id, retry, progress_prefix .. id, ARGV[11] .. id)
    drop(in_progress)
    if marks then
      redis.pcall('ZREM', KEYS[2], id)
    end
    send_answer(ARGV[19], ARGV[at + 9], blob)
    answers[#answers + 1] = 1
  elseif keep == 0 then
    local ended = read('GET', ended_prefix .. id)
    answers[#answers + 1] = ended and string.sub(ended, 1, #token + 1) == token .. ' ' and 1 or 0
  else
    answers[#answers + 1] = read('GET', result) == blob and 1 or 0
  end
end

if #ended_ids > 0 then
  list_ended(KEYS[3], finished, kept_for, tonumber(ARGV[16]), result_prefix)
  list_ended(KEYS[4], failed, kept_for, tonumber(ARGV[16]), result_prefix)
  write_counts(ARGV[14])
  notify(KEYS[5], ARGV[15], 'finished', ended_ids)
end
return answers
