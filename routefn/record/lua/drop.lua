-- Removes fields of a hash that still have given values.
--
-- KEYS[1] hash
-- ARGV two values for each field: its name, the value that it must have
-- Answers {'ok'}.
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return {'ok'}
