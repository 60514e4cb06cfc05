-- Ends jobs that were taken. One that was brought forward since then is left: it has
-- to be done once more.
--
-- KEYS[1] due, KEYS[2] jobs, KEYS[3] dead letters of the shard
-- ARGV[1] failures after which a job is a dead letter, ARGV[2] ms from the first
-- failure to the next try, which double with each, ARGV[3] the longest of them; then
-- four a job: key, when it was due as it was taken, 'done', 'again' or 'failed', and
-- with 'again' when it is due next, with 'failed' why
-- and what it carries from now on, which 'done' drops
-- Answers {'ok', then for each job what became of it: 'done', 'again', 'failed', 'dead'
-- or 'left'}.
local answer = {'ok'}
for i = 4, #ARGV, 5 do
  local key, verb, word = ARGV[i], ARGV[i + 2], ARGV[i + 3]
  local score = redis.call('ZSCORE', KEYS[1], key)
  if not score or whole(score) ~= ARGV[i + 1] then
    verb = 'left'
  elseif verb == 'done' then
    redis.call('ZREM', KEYS[1], key)
    redis.call('HDEL', KEYS[2], key, failures(key))
  elseif verb == 'again' then
    redis.call('ZADD', KEYS[1], word, key)
    if redis.call('HLEN', KEYS[2]) > 0 then redis.call('HDEL', KEYS[2], failures(key)) end
    if ARGV[i + 4] ~= '' then redis.call('HSET', KEYS[2], key, ARGV[i + 4]) end
  else
    local times = redis.call('HINCRBY', KEYS[2], failures(key), 1)
    if times >= tonumber(ARGV[1]) then
      verb = 'dead'
      redis.call('ZREM', KEYS[1], key)
      redis.call('HDEL', KEYS[2], failures(key))
      redis.call('ZADD', KEYS[3], clock(), key)
    else
      local pause = math.min(tonumber(ARGV[2]) * 2 ^ (times - 1), tonumber(ARGV[3]))
      redis.call('ZADD', KEYS[1], whole(clock() + pause), key)
    end
  end
  answer[#answer + 1] = verb
end
return answer
