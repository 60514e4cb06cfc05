-- Ends jobs that a route has taken. If a job was brought forward after it was taken, it
-- stays, because it must be done once more.
--
-- KEYS[1] due, KEYS[2] jobs, KEYS[3] dead letters of the shard
-- ARGV[1] failures after which a job is a dead letter; ARGV[2] ms from the first failure
-- to the next try, which double with each further one; ARGV[3] the longest of these
-- pauses in ms; then five values for each job: its key; the due time that it had when it
-- was taken; 'done', 'again' or 'failed'; and two that only count with 'again': when it
-- is due next, and its payload, '' to keep the present one
-- Answers {'ok', then for each job 'done', 'again', 'failed', 'dead' or 'left'}: see
-- Verdict in queue.go.
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
