-- Closes a session number for good. A late or a repeated call changes nothing. A
-- number of a device that was forgotten is closed with it. Whoever is given a number
-- next is given one above it: a store that came back older does not know that it gave
-- this one, and would call the next connection the older one.
--
-- What the number received does not count any more: its node saw it end, and told before
-- this what it had read. That of one that was lost with its node stays.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] device, ARGV[2] number, ARGV[3] how many devices are known, ARGV[4] 1 if it was lost
-- Answers {'ok'}; also where the user has no log.
local device, number = ARGV[1], tonumber(ARGV[2])
local field = 'closed:' .. device
local head = redis.call('HMGET', KEYS[1], 'epoch', 'live', field, 'devices', 'floor', 'issued', 'recv:' .. device)
if not head[1] then return {'ok'} end
local live, _, others = split(head[2], device)
local seen = seenIn(head[4])
local known = live or head[3] or seen and seen[device]
if not known and number <= tonumber(head[5] or 0) then return {'ok'} end
if number > tonumber(head[3] or 0) then redis.call('HSET', KEYS[1], field, ARGV[2]) end
if number > tonumber(head[6] or 0) then redis.call('HSET', KEYS[1], 'issued', ARGV[2]) end
if live == number then redis.call('HSET', KEYS[1], 'live', table.concat(others, '\n')) end
if head[7] and ARGV[4] ~= '1' and receivedBy(head[7]) <= number then redis.call('HDEL', KEYS[1], 'recv:' .. device) end
if seen and (live == number or not known) then
  local connected = connectedIn(table.concat(others, '\n'))
  seen[device] = clock()
  local names = surplus(seen, connected, tonumber(ARGV[3]), '', 1)
  forget(names, seen, connected, head[1])
  redis.call('HSET', KEYS[1], 'devices', seenText(seen))
end
return {'ok'}
