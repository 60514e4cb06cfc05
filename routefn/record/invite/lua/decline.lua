-- Removes a user's invitation to a group.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] the group
-- Answers {'ok'}.
local head = redis.call('HMGET', KEYS[1], 'invited', 'epoch')
local mine, lines = pick(head[1], ARGV[1])
if mine and #lines > 0 then
  redis.call('HSET', KEYS[1], 'invited', table.concat(lines, '\n'))
elseif mine then
  redis.call('HDEL', KEYS[1], 'invited')
elseif head[2] then
  redis.call('HSET', KEYS[1], 'epoch', head[2]) -- the script always writes: see append.lua
end
return {'ok'}
