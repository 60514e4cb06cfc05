-- Makes the log of a group that is not there yet, without members. One that the
-- same request made is as good, and is written to all the same: see append.lua.
--
-- KEYS[1] list, KEYS[2] hash of the group's log, KEYS[3] its leases, which begin
-- with a field that is none, so that the key is there: see lease.go; KEYS[4] which
-- request made a group of this id that has ended
-- ARGV[1] a fresh epoch, ARGV[2] the genesis entry as stored, ARGV[3] the group's
-- name, which may be empty, ARGV[4] its creator, ARGV[5] the request's id
-- Answers {'ok'}, {'taken'}, or {'ended'} if the same request made one that has ended.
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
