-- Marks an account as being erased. It does nothing if the account has changed since it
-- was read, or if the job that erases it may be over.
--
-- KEYS[1] key of the name
-- ARGV[1] the value that was read, ARGV[2] the new value, ARGV[3] the clock in ms after
-- which it is too late
-- Answers {'ok'}, {'changed'} or {'late'}.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'changed'} end
if clock() > tonumber(ARGV[3]) then return {'late'} end
redis.call('SET', KEYS[1], ARGV[2])
return {'ok'}
