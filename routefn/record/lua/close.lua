-- Closes a session number for good. A late or a repeated call changes nothing.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] device, ARGV[2] number
-- Answers {'ok'}; also where the user has no log.
local field, number = 'closed:' .. ARGV[1], tonumber(ARGV[2])
local head = redis.call('HMGET', KEYS[1], 'epoch', 'live', field)
if not head[1] then return {'ok'} end
if number > tonumber(head[3] or 0) then redis.call('HSET', KEYS[1], field, ARGV[2]) end
local live, _, others = split(head[2], ARGV[1])
if live == number then redis.call('HSET', KEYS[1], 'live', table.concat(others, '\n')) end
return {'ok'}
