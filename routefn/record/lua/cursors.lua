-- Reads how far the devices of an inbox acknowledged. Reads only, and no more than the
-- devices that are listed; of an inbox of an earlier version, which lists none, all
-- fields if they are as few, else those of devices that are connected.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] how many devices are known
-- Answers {'ok', then two a device: its name, its cursors}. The empty name is that of
-- those that were forgotten.
local limit = tonumber(ARGV[1])
local head = redis.call('HMGET', KEYS[1], 'devices', 'live')
local answer = {'ok'}
local function add(name, cursors)
  if cursors then
    answer[#answer + 1], answer[#answer + 2] = name, cursors
  end
end
if not head[1] and redis.call('HLEN', KEYS[1]) <= 3 * limit + 24 then
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
