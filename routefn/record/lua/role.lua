-- Gives users roles in a group, or in the system, which is the group of everyone. The
-- caller has judged by the group's roles whether that is allowed. These roles have a
-- version. If they have another version by now, nothing changes.
--
-- KEYS[1] hash of the group's log
-- ARGV[1] version of the roles; ARGV[2] the user who must belong to the group, or '';
-- ARGV[3] the new owner, or ''; ARGV[4] how many officers there are at most; then three
-- values for each user who gets a role: id, the role, which is '' for a usual one, '1'
-- if it makes the user an officer
-- Answers {'nolog'}, {'changed'}, {'stranger'}, {'full'} if there are too many officers,
-- or {'ok'}.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'rights', 'officers', 'm:' .. ARGV[2])
if not head[1] then return {'nolog'} end
if (head[2] or '0') ~= ARGV[1] then return {'changed'} end
local joined, left = membership(head[4])
if ARGV[2] ~= '' and (joined == 0 or left > 0) then return {'stranger'} end
local text, grown = head[3] or '', false
for i = 5, #ARGV, 3 do
  local list = others(text, ARGV[i])
  if ARGV[i + 2] == '1' then
    grown = grown or not string.find('\n' .. text .. '\n', '\n' .. ARGV[i] .. '\n', 1, true)
    list[#list + 1] = ARGV[i]
  end
  text = table.concat(list, '\n')
end
if grown and #others(text) > tonumber(ARGV[4]) then return {'full'} end
for i = 5, #ARGV, 3 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], 'r:' .. ARGV[i])
  else
    redis.call('HSET', KEYS[1], 'r:' .. ARGV[i], ARGV[i + 1])
  end
end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'owner', ARGV[3]) end
redis.call('HSET', KEYS[1], 'officers', text, 'rights', tostring(tonumber(ARGV[1]) + 1))
return {'ok'}
