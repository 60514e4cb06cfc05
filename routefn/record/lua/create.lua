-- Makes the log of a group that does not exist yet, without members. If the same request
-- has made the log before, the answer is 'ok' again, and the script still writes: see
-- append.lua.
--
-- KEYS[1] list, KEYS[2] hash of the group's log; KEYS[3] its leases: they get a field
-- that is no lease, so that the key exists, see NoNode in package rows; KEYS[4] creator
-- and request of a group with this id that has ended
-- ARGV[1] a new epoch, ARGV[2] the genesis entry as stored, ARGV[3] the group's name,
-- which may be empty, ARGV[4] its creator, ARGV[5] the request's id
-- Answers {'ok'}, {'taken'} if the id is another group's, or {'ended'} if the same
-- request made a group that has ended.
local made = redis.call('HMGET', KEYS[2], 'creator', 'request')
if made[1] == ARGV[4] and made[2] == ARGV[5] then
  redis.call('HSET', KEYS[2], 'creator', ARGV[4])
  return {'ok'}
end
local last = KEYS[4] and redis.call('GET', KEYS[4])
if last == ARGV[4] .. ' ' .. ARGV[5] then return {'ended'} end
if last or redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return {'taken'} end
redis.call('RPUSH', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'base', '0', 'name', ARGV[3],
  'creator', ARGV[4], 'request', ARGV[5])
redis.call('HSET', KEYS[3], '', '')
return {'ok'}
