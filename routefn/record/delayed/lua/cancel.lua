-- Cancels a delayed message, unless a route has taken it to fire it. A second call gets
-- the same answer.
--
-- KEYS[1] due, KEYS[2] messages of the shard, KEYS[3] pending, KEYS[4] outcomes of the
-- sender
-- ARGV[1] key, ARGV[2] id
-- Answers {'ok'}, {'late'} or {'none'}.
local key, id = ARGV[1], ARGV[2]
if not redis.call('ZSCORE', KEYS[1], key) then
  local why = outcome(id)
  if not why then return {'none'} end
  return {why == 1 and 'ok' or 'late'}
end
if redis.call('HEXISTS', KEYS[2], taken(key)) == 1 then return {'late'} end
redis.call('ZREM', KEYS[1], key)
redis.call('HDEL', KEYS[2], key)
redis.call('ZREM', KEYS[3], id)
note(id, clock(), 1)
return {'ok'}
