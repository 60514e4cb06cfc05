-- Makes the log of a group that is not there yet, without members.
--
-- KEYS[1] list, KEYS[2] hash of the group's log
-- ARGV[1] a fresh epoch, ARGV[2] the genesis entry as stored, ARGV[3] the group's
-- name, which may be empty
-- Answers {'ok'} or {'taken'}.
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return {'taken'} end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'base', '0', 'name', ARGV[3])
return {'ok'}
