-- Closes a session number for good. A late or a repeated call changes nothing. The number
-- of a forgotten device is closed already. The next number that is issued will be above
-- this one. That holds even for a store that came back with older data, and has forgotten
-- that it issued this number. Otherwise the next connection would count as older than
-- this one.
--
-- The script removes the received positions if the node saw the end of the session. That
-- node has already reported what was read. The positions stay if the session was lost
-- with its node, or if the node reported that the client had left: see ack.lua.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] device, ARGV[2] number, ARGV[3] the most devices that are known, ARGV[4] '1'
-- if the session was lost with its node
-- Answers {'ok'}, also if the user has no log.
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
if head[7] and ARGV[4] ~= '1' and receivedBy(head[7]) <= number and not leftAt(head[7]) then
  redis.call('HDEL', KEYS[1], 'recv:' .. device)
end
if seen and (live == number or not known) then
  local connected = connectedIn(table.concat(others, '\n'))
  seen[device] = clock()
  local names = surplus(seen, connected, tonumber(ARGV[3]), '', 1)
  forget(names, seen, connected, head[1])
  redis.call('HSET', KEYS[1], 'devices', seenText(seen))
end
return {'ok'}
