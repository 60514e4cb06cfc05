-- Brings the devices of an inbox within their bound, one step per call. An inbox of an
-- earlier version has devices that are not listed, with fields in the hash. The script
-- lists them. Then it forgets the devices beyond the bound.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] how many devices to keep, ARGV[2] about how many fields to look at
-- Answers {'ok', '1' if there is more to do or '0', the live sessions that it has
-- ended}.
local limit, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local head = redis.call('HMGET', KEYS[1], 'epoch', 'live', 'devices', 'import')
if not head[1] then return {'ok', '0', ''} end
local connected, seen = connectedIn(head[2]), seenIn(head[3]) or {}
for name, number in pairs(connected) do seen[name] = seen[name] or number end

local cursor, fields = head[4], {closed = true, out = true, cur = true}
if cursor then
  local page = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', most)
  for i = 1, #page[2], 2 do
    local what, name = string.match(page[2][i], '^(%a+):(.+)$')
    if fields[what] and not seen[name] then seen[name] = tonumber(redis.call('HGET', KEYS[1], 'closed:' .. name) or 0) end
  end
  cursor = page[1]
end

local names, more = surplus(seen, connected, limit, '', most)
local gone = forget(names, seen, connected, head[1])
local _, _, lines = split(head[2], '')
local stay, leave = part(lines, gone)
redis.call('HSET', KEYS[1], 'devices', seenText(seen))
if #leave > 0 then redis.call('HSET', KEYS[1], 'live', table.concat(stay, '\n')) end
if cursor == '0' then
  redis.call('HDEL', KEYS[1], 'import')
elseif cursor then
  redis.call('HSET', KEYS[1], 'import', cursor)
  more = true
end
return {'ok', more and '1' or '0', table.concat(leave, '\n')}
