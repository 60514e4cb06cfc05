-- Reads the cursors of the devices of an inbox. It changes nothing. It reads only devices
-- that are listed. An inbox of an earlier version has no list. If such an inbox has few
-- fields, the script reads all of them. If it has many, the script reads those of
-- connected devices.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] the most devices that are known
-- Answers {'ok', then two values for each device: its name, its cursors}. The empty
-- name stands for all forgotten devices.
local limit = tonumber(ARGV[1])
local head = redis.call('HMGET', KEYS[1], 'devices', 'live', 'marks')
local answer = {'ok'}
local function add(name, cursors)
  if cursors then
    answer[#answer + 1], answer[#answer + 2] = name, cursors
  end
end
if not head[1] and redis.call('HLEN', KEYS[1]) <= 3 * limit + 28 + tonumber(head[3] or 0) then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local name = string.match(all[i], '^cur:(.*)$')
    if name then add(name, all[i + 1]) end
  end
  return answer
end
local names = seenIn(head[1]) or {}
local count = 0
for name in pairs(connectedIn(head[2])) do
  count = count + 1
  if count <= limit then names[name] = 0 end
end
names[''] = 0
for name in pairs(names) do add(name, redis.call('HGET', KEYS[1], 'cur:' .. name)) end
return answer
