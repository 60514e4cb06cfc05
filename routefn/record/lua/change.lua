-- Carries an intent out in the slot of the group, which decides who belongs to the
-- group. It appends an entry about the change and changes the membership. If the user
-- belongs already, or has left already, it appends nothing. An intent that is not newer
-- than the one that was carried out last changes nothing, but the script still writes:
-- see append.lua. A user whom the creator has removed does not join unless the creator
-- adds them.
--
-- KEYS[1] list, KEYS[2] hash of the group's log, KEYS[3] the group's members, KEYS[4]
-- its leases
-- ARGV[1] user; ARGV[2] 'join', 'leave', or 'once', which joins a user who never joined
-- before; ARGV[3] version of the intent; ARGV[4] the user's name; ARGV[5] the entry as
-- stored; ARGV[6] '1' if the user requested the change
-- Answers {'nolog'}, {'removed'}, or {'ok', '1' if the user belongs now or '0', number
-- of the entry or 0, epoch, key of the entry before it, leases of nodes, the server's
-- clock in ms, how many members the group has now}.
local field = 'm:' .. ARGV[1]
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base', 'nodes', field)
if length == 0 or not head[1] then return {'nolog'} end
local joined, left, version, removed = membership(head[4])
local belongs, number, before = joined > 0 and left == 0, 0, nil
local join = ARGV[2] == 'join' or ARGV[2] == 'once' and joined == 0
local leave, own = ARGV[2] == 'leave' and joined > 0, ARGV[6] == '1'
if tonumber(ARGV[3]) > version and (join or leave) then
  if join and removed and own then return {'removed'} end
  removed = leave and (removed or not own)
  if belongs ~= join then
    before = redis.call('LINDEX', KEYS[1], -1)
    number = tonumber(head[2] or 0) + redis.call('RPUSH', KEYS[1], ARGV[5])
    belongs = not belongs
    if belongs then
      joined, left = number, 0
      redis.call('HSET', KEYS[2], 'joined', clock())
      redis.call('ZADD', KEYS[3], ARGV[1], ARGV[4])
    else
      left = number
      redis.call('ZREM', KEYS[3], ARGV[4])
    end
  end
  redis.call('HSET', KEYS[2], field, string.format('%.0f %.0f %s %s', joined, left, ARGV[3], removed and '1' or '0'))
else
  redis.call('HSET', KEYS[2], 'epoch', head[1])
end
return {'ok', belongs and '1' or '0', number, head[1], keyOf(before),
  leases(head[3], redis.call('HGETALL', KEYS[4])), clock(), redis.call('ZCARD', KEYS[3])}
