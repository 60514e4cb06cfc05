-- Removes all delayed messages of a user, also those that were taken, and what is known
-- about earlier ones.
--
-- KEYS[1] due, KEYS[2] messages of the shard, KEYS[3] pending, KEYS[4] outcomes of the
-- sender
-- ARGV[1] what the sender's keys begin with
-- Answers {'ok'}.
for _, id in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
  local key = ARGV[1] .. id
  redis.call('ZREM', KEYS[1], key)
  redis.call('HDEL', KEYS[2], key, taken(key))
end
redis.call('DEL', KEYS[3], KEYS[4])
return {'ok'}
