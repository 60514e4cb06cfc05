-- Removes a message that was fired or dropped. If it was removed before, nothing changes.
--
-- KEYS[1] due, KEYS[2] messages of the shard, KEYS[3] pending, KEYS[4] outcomes of the
-- sender
-- ARGV[1] key, ARGV[2] id, ARGV[3] 0 if it was fired, otherwise the code with which it
-- was dropped
-- Answers {'ok'}.
local key, id = ARGV[1], ARGV[2]
if redis.call('ZREM', KEYS[1], key) == 0 then return {'ok'} end
redis.call('HDEL', KEYS[2], key, taken(key))
redis.call('ZREM', KEYS[3], id)
note(id, clock(), tonumber(ARGV[3]))
return {'ok'}
