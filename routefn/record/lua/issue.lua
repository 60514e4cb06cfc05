-- Takes the next session number of a user.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] device
-- Answers {'nolog'}, or {'ok', number, the device's live session or '', node of
-- the user's last session or ''}.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'issued', 'live', 'last')
if not head[1] then return {'nolog'} end
local number = nextNumber(head[2])
redis.call('HSET', KEYS[1], 'issued', digits(number))
local _, mine = split(head[3], ARGV[1])
return {'ok', digits(number), mine, head[4] or ''}
