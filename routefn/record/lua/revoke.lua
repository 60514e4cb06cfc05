-- Ends sessions of a user. It does for several devices what logout.lua does for one: live
-- sessions end, and every number, ticket and token that the devices got until now becomes
-- void for good.
--
-- The script always writes, even if nothing changes: see append.lua.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] device whose session ends, or '' for all devices; ARGV[2] device whose
-- session stays, or ''; ARGV[3] device, ARGV[4] number and ARGV[5] expiry of the
-- caller's token, each '' if the caller shows none; ARGV[6] if the hash has fewer
-- fields than this, without marks, it may get one more
-- Answers {'nolog'}, {'void' or 'expired'} if the token is that, or {'ok', the sessions
-- that were live and have ended}.
local function hasCursor(device) return redis.call('HEXISTS', KEYS[1], 'cur:' .. device) == 1 end
local head = redis.call('HMGET', KEYS[1], 'epoch', 'issued', 'live', 'devices', 'logins', 'import', 'marks')
if not head[1] then return {'nolog'} end
if ARGV[3] ~= '' then
  local out = redis.call('HMGET', KEYS[1], 'out:' .. ARGV[3], 'out')
  local why = refusal(voidTo(out[1], out[2], hasCursor(ARGV[3])), ARGV[4], ARGV[5])
  if why then
    redis.call('HSET', KEYS[1], 'issued', head[2] or '0')
    return {why}
  end
end

local connected, seen, logins = connectedIn(head[3]), seenIn(head[4]), loginsIn(head[5])
local gone = {}
if ARGV[1] ~= '' then
  gone[ARGV[1]] = true
else
  for _, list in ipairs({connected, seen or {}, logins}) do
    for name in pairs(list) do gone[name] = true end
  end
  if not seen or head[6] then -- an inbox of an earlier version, whose devices are not listed yet
    local fields = redis.call('HGETALL', KEYS[1])
    for i = 1, #fields, 2 do
      local name = string.match(fields[i], '^cur:(.+)$') or string.match(fields[i], '^out:(.+)$')
      if name then gone[name] = true end
    end
  end
  gone[ARGV[2]] = nil
end

-- logout.lua says why last must be above all these numbers.
local last, now = math.max(tonumber(head[2] or 0), clock(), tonumber(ARGV[4]) or 0), clock()
for name in pairs(gone) do
  local closed = redis.call('HGET', KEYS[1], 'closed:' .. name)
  last = math.max(last, tonumber(closed or 0), connected[name] or 0)
end
local floor = ARGV[1] == '' -- devices that never connected have no fields of their own
for name in pairs(gone) do
  if connected[name] or hasCursor(name) or redis.call('HEXISTS', KEYS[1], 'out:' .. name) == 1 then
    redis.call('HSET', KEYS[1], 'closed:' .. name, digits(last), 'out:' .. name, digits(last))
  elseif logins[name] or seen and seen[name] then
    floor = true
  end
  if connected[name] and seen then seen[name] = now end
end
local _, _, lines = split(head[3], '')
local stay, leave = part(lines, gone)
redis.call('HSET', KEYS[1], 'issued', digits(last), 'live', table.concat(stay, '\n'))
if seen then redis.call('HSET', KEYS[1], 'devices', seenText(seen)) end
if floor then
  -- The caller's device may be one that never connected. If the session of such a device
  -- stays, the device gets a field of its own, unless the hash has too many fields.
  -- Without that bound, a caller could make any number of fields.
  local asks = ARGV[3]
  if asks ~= '' and not gone[asks] and redis.call('HLEN', KEYS[1]) < tonumber(ARGV[6]) + tonumber(head[7] or 0) then
    local own = redis.call('HMGET', KEYS[1], 'out:' .. asks, 'out')
    if not own[1] and not hasCursor(asks) then redis.call('HSET', KEYS[1], 'out:' .. asks, own[2] or '-1') end
  end
  redis.call('HSET', KEYS[1], 'out', digits(last))
end
return {'ok', table.concat(leave, '\n')}
