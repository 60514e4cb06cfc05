-- Carries out the intent of a user to join or leave a group. This happens in the slot of
-- the group, which decides who belongs to the group. The script appends an entry about
-- the change and changes the membership. If there is nothing to change, it appends
-- nothing. Each intent has a version. If a newer intent, or this one, was carried out
-- before, the script changes nothing, but still writes: see append.lua. A removed user
-- joins only if somebody with that right adds them. Others cannot add a user who left by
-- themselves.
--
-- If another user requested the change, the caller has judged it by the group's roles,
-- which have a version. If the roles have another version by now, nothing changes. A user
-- who leaves loses a higher role. If the owner leaves, the first of the officers becomes
-- the owner. If there is no officer, the user who has left stays the owner, but has no
-- rights before coming back.
--
-- KEYS[1] list, KEYS[2] hash of the group's log, KEYS[3] the group's members, KEYS[4]
-- its leases
-- ARGV[1] user; ARGV[2] 'join', 'leave', 'once', which joins a user who never joined
-- before, or 'refuse', which only records the version; ARGV[3] version of the intent;
-- ARGV[4] the user's name; ARGV[5] the entry as stored; ARGV[6] the version of the roles
-- by which the change was judged, or '' if the user requested it
-- Answers {'nolog'}, {'removed'}, {'left'}, {'changed'}, {'refused', '1' if the user
-- belongs or '0'}, or {'ok', '1' if the user belongs now or '0', number of the entry or
-- 0, epoch, key of the entry before it, leases of nodes, the server's clock in ms, how
-- many members the group has now}.
local field = 'm:' .. ARGV[1]
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base', 'nodes', field, 'rights', 'owner', 'creator', 'officers')
if length == 0 or not head[1] then return {'nolog'} end
local joined, left, version, removed = membership(head[4])
if ARGV[2] == 'refuse' then
  if tonumber(ARGV[3]) > version then
    redis.call('HSET', KEYS[2], field, memberText(joined, left, ARGV[3], removed))
  end
  return {'refused', joined > 0 and left == 0 and '1' or '0'}
end
if ARGV[6] ~= '' and tonumber(ARGV[3]) > version and (head[5] or '0') ~= ARGV[6] then return {'changed'} end

-- Takes the higher role, if any, from the user who leaves.
local function demote()
  local owns = (head[6] or head[7]) == ARGV[1]
  local officer = redis.call('HGET', KEYS[2], 'r:' .. ARGV[1]) == 'admin'
  local rest = others(head[8], ARGV[1])
  if officer then redis.call('HDEL', KEYS[2], 'r:' .. ARGV[1]) end
  if owns and rest[1] then
    redis.call('HSET', KEYS[2], 'owner', rest[1])
    redis.call('HDEL', KEYS[2], 'r:' .. rest[1])
    table.remove(rest, 1)
  end
  if owns or officer then
    redis.call('HSET', KEYS[2], 'officers', table.concat(rest, '\n'),
      'rights', tostring(tonumber(head[5] or 0) + 1))
  end
end

local belongs, number, before = joined > 0 and left == 0, 0, nil
local join = ARGV[2] == 'join' or ARGV[2] == 'once' and joined == 0
local leave, own = ARGV[2] == 'leave' and joined > 0, ARGV[6] == ''
if tonumber(ARGV[3]) > version and (join or leave) then
  if join and removed and own then return {'removed'} end
  if ARGV[2] == 'join' and not own and left > 0 and not removed then return {'left'} end
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
      demote()
    end
  end
  redis.call('HSET', KEYS[2], field, memberText(joined, left, ARGV[3], removed))
else
  redis.call('HSET', KEYS[2], 'epoch', head[1])
end
return {'ok', belongs and '1' or '0', number, head[1], keyOf(before),
  leases(head[3], redis.call('HGETALL', KEYS[4])), clock(), redis.call('ZCARD', KEYS[3])}
