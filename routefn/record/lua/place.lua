-- Finds the number of an entry, among the latest 1,000 of a log. It changes nothing.
--
-- KEYS[1] list, KEYS[2] hash of the log
-- ARGV[1] the entry's key
-- Answers {'nolog'} or {'ok', epoch, number}. The number is zero if no entry has the key.
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base')
if length == 0 or not head[1] then return {'nolog'} end
local place = find(ARGV[1], length, 0)
return {'ok', head[1], place and tonumber(head[2] or 0) + place or 0}
