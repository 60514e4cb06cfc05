-- Replaces the value of an account's key, unless it has changed since it was read.
--
-- KEYS[1] key of the name
-- ARGV[1] the value that was read, ARGV[2] the new value
-- Answers {'ok'} or {'changed'}.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'changed'} end
redis.call('SET', KEYS[1], ARGV[2])
return {'ok'}
