-- Enters a node among those that a group is pushed to, or renews its lease, and
-- reads the newest number and who belongs in the same step: a message is either
-- in that number or pushed to that node. Leases that ran out are removed.
--
-- KEYS[1] list, KEYS[2] hash of the group's log
-- ARGV[1] node, ARGV[2] boot, ARGV[3] addr, ARGV[4] ms the lease runs, ARGV[5]
-- how: 'enter' always; 'members' if one of the users belongs; 'renew' if the node
-- has a lease; then the users
-- Answers {'nolog'}, {'lapsed'} if it was not entered, or {'ok', epoch, number, key
-- of the newest entry, then for each user the number by which he joined, or 0}.
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base', 'nodes')
if length == 0 or not head[1] then return {'nolog'} end

local answer, belongs = {'ok', head[1], tonumber(head[2] or 0) + length, keyOf(redis.call('LINDEX', KEYS[1], -1))}, false
for i = 6, #ARGV do
  local joined = joinedAt(redis.call('HGET', KEYS[2], 'm:' .. ARGV[i]))
  answer[#answer + 1] = joined
  belongs = belongs or joined > 0
end

local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local lines, had = {}, false
for line in string.gmatch(head[3] or '', '[^\n]+') do
  local node, boot, ends = string.match(line, '^([^\t]*)\t([^\t]*)\t.*\t(%d+)$')
  if node == ARGV[1] then
    had = had or boot == ARGV[2]
  elseif tonumber(ends) > ms then
    lines[#lines + 1] = line
  end
end
if ARGV[5] == 'members' and not belongs or ARGV[5] == 'renew' and not had then return {'lapsed'} end
lines[#lines + 1] = table.concat(
  {ARGV[1], ARGV[2], ARGV[3], string.format('%.0f', ms + tonumber(ARGV[4]))}, '\t')
redis.call('HSET', KEYS[2], 'nodes', table.concat(lines, '\n'))
return answer
