-- Finishes what trim.lua began with a log that nobody may be writing to: the newest
-- entry, which has to stay, loses its text when it is too old. A group that has had no
-- members for a while is deleted. Times are those of trim.lua.
--
-- KEYS[1] list, KEYS[2] hash of the log; of a group KEYS[3] members, KEYS[4] leases,
-- KEYS[5] what says that it has ended, KEYS[6] what was imported into it
-- ARGV[1] ms an entry is kept at most, ARGV[2] what the other clock shows, in ms,
-- ARGV[3] ms that a group stays without members, ARGV[4] ms for which it is known
-- that it has ended
-- Answers {'gone'}, or {'ok', '1' if the newest entry is one that will expire or '0', '1'
-- if it is a group without members or '0'}.
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
return {'ok', expires and '1' or '0', empty and '1' or '0'}
