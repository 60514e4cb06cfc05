-- Makes users the first members of a group that its creator has just made. For users who
-- never joined before, it appends an entry each, all at once. It passes over the others.
-- The field filling stays until all members have the group in their lists: see sweep.lua.
-- The script always writes, even if nothing changes: see append.lua.
--
-- KEYS[1] list, KEYS[2] hash of the group's log, KEYS[3] the group's members, KEYS[4] its
-- leases
-- ARGV[1] the creator; then three values for each user: id, name, the entry as stored
-- Answers {'nolog'}, {'other'} if the creator is not its owner or has left it, or {'ok',
-- epoch, number before the first new entry, key of that entry, leases of nodes, the
-- server's clock in ms, then for each user: '2' for a new member, '1' for one who
-- belonged before, '0' for one who has left}.
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base', 'nodes', 'creator', 'owner', 'm:' .. ARGV[1])
local last = redis.call('LINDEX', KEYS[1], -1)
if not last or not head[1] then return {'nolog'} end
local joined, left = membership(head[6])
if (head[5] or head[4]) ~= ARGV[1] or joined == 0 or left > 0 then return {'other'} end
local fields = {}
for i = 2, #ARGV, 3 do fields[#fields + 1] = 'm:' .. ARGV[i] end
local had = redis.call('HMGET', KEYS[2], unpack(fields))
local number, now = tonumber(head[2] or 0) + redis.call('LLEN', KEYS[1]), clock()
local answer = {'ok', head[1], number, keyOf(last), leases(head[3], redis.call('HGETALL', KEYS[4])), now}
local entries, set, names = {}, {'filling', '1'}, {}
for i = 1, #fields do
  local joined, left = membership(had[i])
  if joined > 0 then
    answer[#answer + 1] = left == 0 and '1' or '0'
  else
    entries[#entries + 1] = ARGV[3 * i + 1]
    -- This version is lower than the versions of all intents, so that each later intent
    -- counts.
    set[#set + 1], set[#set + 2] = fields[i], string.format('%.0f 0 1 0', number + #entries)
    names[#names + 1], names[#names + 2] = ARGV[3 * i - 1], ARGV[3 * i]
    answer[#answer + 1] = '2'
  end
end
if #entries > 0 then
  set[#set + 1], set[#set + 2] = 'joined', now
  redis.call('RPUSH', KEYS[1], unpack(entries))
  redis.call('ZADD', KEYS[3], unpack(names))
end
redis.call('HSET', KEYS[2], unpack(set))
return answer
