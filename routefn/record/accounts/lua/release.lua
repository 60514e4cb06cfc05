-- Removes a key that has a given value.
--
-- KEYS[1] key
-- ARGV[1] value
-- Answers {'ok'}.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {'ok'}
