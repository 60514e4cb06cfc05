-- Judges a token. It changes nothing.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] device, ARGV[2] number, ARGV[3] expiry of the token
-- Answers {'ok', 'void' or 'expired'}, or {'nolog'} if the user has no log and the
-- token has not expired.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'out:' .. ARGV[1], 'out')
local cursor = not head[3] or redis.call('HEXISTS', KEYS[1], 'cur:' .. ARGV[1]) == 1
local why = refusal(voidTo(head[2], head[3], cursor), ARGV[2], ARGV[3])
if why then return {why} end
if not head[1] then return {'nolog'} end
return {'ok'}
