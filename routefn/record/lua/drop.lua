-- Removes fields of a hash that have the values still that somebody saw there.
--
-- KEYS[1] hash
-- ARGV two a field: its name, the value
-- Answers {'ok'}.
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return {'ok'}
