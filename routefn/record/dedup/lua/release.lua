-- Forgets an id that stands for nothing, because its message was refused. If another route
-- has claimed the id since, it changes nothing.
--
-- KEYS[1] hash of the sender's ids
-- ARGV[1] the hash of the id, ARGV[2] what was written for it
-- Answers {'ok'}.
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return {'ok'}
