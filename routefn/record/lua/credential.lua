-- Gives a credential to an account that has none, unless its key has changed since it
-- was read.
--
-- KEYS[1] key of the name
-- ARGV[1] what the key held, ARGV[2] what it is to hold
-- Answers {'ok'} or {'changed'}.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'changed'} end
redis.call('SET', KEYS[1], ARGV[2])
return {'ok'}
