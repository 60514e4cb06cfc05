-- Does the rest of the work of trim.lua. If the newest entry of a log is too old, it
-- loses its text and stays. A group that has had no members for a while is deleted. Times
-- are compared by two clocks, as in trim.lua.
--
-- KEYS[1] list, KEYS[2] hash of the log; of a group KEYS[3] members, KEYS[4] leases,
-- KEYS[5] record that it has ended, KEYS[6] record of imported messages
-- ARGV[1] how many ms an entry is kept at most, ARGV[2] the other clock, in ms, ARGV[3]
-- how many ms a group without members is kept, ARGV[4] how many ms the record that it
-- has ended is kept
-- Answers {'gone'}, or {'ok', '1' if the newest entry has a text that can expire or
-- '0', '1' if it is a group without members or '0', '1' if it is a group whose filling was
-- cut short or '0', see fill.lua}.
local length = redis.call('LLEN', KEYS[1])
if length == 0 then return {'gone'} end
local now = math.min(clock(), tonumber(ARGV[2]))
local newest = redis.call('LINDEX', KEYS[1], -1)
local time = timeOf(newest) or now
local empty = KEYS[3] and redis.call('ZCARD', KEYS[3]) == 0
if empty and time <= now - tonumber(ARGV[3]) then
  local head = redis.call('HMGET', KEYS[2], 'base', 'creator', 'request')
  if tonumber(head[1] or 0) + length > 1 and head[2] then
    redis.call('SET', KEYS[5], head[2] .. ' ' .. head[3], 'PX', ARGV[4])
  end
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[6])
  return {'gone'}
end
local expires = kindOf(newest) == 0
if expires and length == 1 and time < now - tonumber(ARGV[1]) then
  redis.call('LSET', KEYS[1], 0, keyOf(newest) .. '\n' .. expired(time))
  expires = false
end
local filling = KEYS[3] and redis.call('HEXISTS', KEYS[2], 'filling') == 1
return {'ok', expires and '1' or '0', empty and '1' or '0', filling and '1' or '0'}
