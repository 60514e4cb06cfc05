-- Logs a device out. Its live session ends, and every number, ticket and token that it
-- got until now becomes void for good.
--
-- The script always writes, even if nothing changes: see append.lua.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] device; ARGV[2] device, ARGV[3] number and ARGV[4] expiry of the caller's
-- token, each '' if the caller shows none
-- Answers {'nolog'}, {'void' or 'expired'} if the token is that, or {'ok', the session
-- that was live or ''}.
local device = ARGV[1]
local head = redis.call('HMGET', KEYS[1], 'epoch', 'issued', 'live', 'closed:' .. device, 'cur:' .. device, 'out:' .. device, 'devices')
if not head[1] then return {'nolog'} end
local live, mine, others = split(head[3], device)
if ARGV[2] ~= '' then
  local out = redis.call('HMGET', KEYS[1], 'out:' .. ARGV[2], 'out')
  local cursor = not out[2] or redis.call('HEXISTS', KEYS[1], 'cur:' .. ARGV[2]) == 1
  local why = refusal(voidTo(out[1], out[2], cursor), ARGV[3], ARGV[4])
  if why then
    redis.call('HSET', KEYS[1], 'issued', head[2] or '0')
    return {why}
  end
end
-- The new number is above the clock, and above the number of the token, too. A failover
-- may have lost the last number, and the clock may be behind that number.
local last = math.max(tonumber(head[2] or 0), tonumber(head[4] or 0), live or 0, clock(), tonumber(ARGV[3]) or 0)
redis.call('HSET', KEYS[1], 'issued', digits(last))
if live then redis.call('HSET', KEYS[1], 'live', table.concat(others, '\n')) end
local seen = seenIn(head[7])
if live and seen then
  seen[device] = clock()
  redis.call('HSET', KEYS[1], 'devices', seenText(seen))
end
if live or head[5] or head[6] then
  redis.call('HSET', KEYS[1], 'closed:' .. device, digits(last), 'out:' .. device, digits(last))
else
  redis.call('HSET', KEYS[1], 'out', digits(last))
end
return {'ok', mine}
