-- Makes the session with a number the live one of a device, if the number is still good
-- for that.
--
-- KEYS[1] list, KEYS[2] hash of the user's log
-- ARGV[1] device; ARGV[2] number, 0 to issue one; ARGV[3] the number up to which it may
-- displace a live session, -1 any, 0 none; ARGV[4] node; ARGV[5] boot; ARGV[6] addr;
-- ARGV[7] how many ms after its issue the number may be opened, 0 for ever; ARGV[8] the
-- most devices that are known, see forget.lua; ARGV[9] for how many ms an inbox counts
-- as made again; ARGV[10] log, ARGV[11] epoch, ARGV[12] number and ARGV[13] key, if
-- given: the cursor that the device gets in a group, unless it has one there; ARGV[14]
-- key of every log's first entry, where that cursor is instead if the inbox was made
-- again lately
-- Answers {'nolog'}, or {'ok', 'superseded', 'expired' or 'other', number, the session
-- that was or is live instead or '', epoch, base, length, key of the newest entry, the
-- device's cursors or '', the user's groups or '', the user's intents or '', version of
-- the groups, live sessions of devices that were forgotten or '', '1' if tidy.lua has
-- something to do or '', recv:DEVICE of an earlier number or '', and '1' if the device of
-- that number logged out until leftLife after the report that it had left, or ''}.
local device = ARGV[1]
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base', 'live', 'issued',
  'closed:' .. device, 'cur:' .. device, 'groups', 'intents', 'version', 'out:' .. device, 'out',
  'devices', 'floor', 'import', 'again', 'recv:' .. device, 'marks')
if length == 0 or not head[1] then return {'nolog'} end

local live, mine, lines = split(head[3], device)
local issued = tonumber(head[4] or 0)
local seen, limit = seenIn(head[12]) or {}, tonumber(ARGV[8])
local closed = tonumber(head[5] or not (live or seen[device]) and head[13] or 0)
local void = voidTo(head[10], head[11], head[6])
local number, displaces = tonumber(ARGV[2]), tonumber(ARGV[3])
if number == 0 then number = nextNumber(issued) end

-- If the session is live already, this is the same connection: its node has reported it
-- twice, or has taken it up again after a restart. The ticket of a session names one
-- node, so no other node can have the connection.
local again = live == number and string.match(mine, '^[^\t]*\t%d+\t[^\t]*\t([^\t]*)\t') == ARGV[4]
local verdict = 'ok'
if number <= math.max(closed, void or 0) or (live and number <= live and not again) then
  verdict = 'superseded'
elseif not again and ARGV[7] ~= '0' and clock() - number > tonumber(ARGV[7]) then
  verdict = 'expired' -- the clock at its issue was not above the number
elseif live and not again and displaces ~= -1 and displaces < live then
  -- The ticket names a number. A live session with a lower number was displaced before
  -- the ticket was made. A failover forgot that, and the session is live again. So it may
  -- be displaced once more.
  verdict = 'other'
end
local answer = {verdict, digits(number), again and '' or mine, head[1], tonumber(head[2] or 0), length,
  keyOf(redis.call('LINDEX', KEYS[1], -1)), head[6] or '',
  head[7] or '', head[8] or '', head[9] or '0'}
if verdict ~= 'ok' then
  answer[12], answer[13] = '', ''
  return answer
end

local connected, now = connectedIn(head[3]), clock()
for name in pairs(connected) do seen[name] = seen[name] or now end -- an earlier version does not list devices
seen[device] = now
local names, more = surplus(seen, connected, limit, device, 8)
local gone = forget(names, seen, connected, head[1])
local stay, leave = part(lines, gone)
stay[#stay + 1] = table.concat({device, digits(number), ARGV[5], ARGV[4], ARGV[6]}, '\t')
redis.call('HSET', KEYS[2], 'live', table.concat(stay, '\n'), 'last', ARGV[4],
  'issued', digits(math.max(issued, number)), 'devices', seenText(seen))
if void then redis.call('HSET', KEYS[2], 'out:' .. device, digits(void)) end -- the device gets a cursor now, and the field out counts only for devices without one
if live and not again then redis.call('HSET', KEYS[2], 'closed:' .. device, digits(live)) end
if ARGV[10] and not string.find('\n' .. answer[8], '\n' .. ARGV[10] .. '\t', 1, true) then
  local at, key = ARGV[12], ARGV[13]
  if head[15] and math.abs(now - head[15]) < tonumber(ARGV[9]) then at, key = '1', ARGV[14] end
  local line = table.concat({ARGV[10], ARGV[11], at, key}, '\t')
  answer[8] = answer[8] == '' and line or answer[8] .. '\n' .. line
  redis.call('HSET', KEYS[2], 'cur:' .. device, answer[8])
end

-- An inbox of an earlier version has devices that are not listed. A route of an earlier
-- version may also be writing to an inbox that has a list. The inbox then has more fields
-- than 28, the marks, and three per device.
local import = head[14] or not head[12] or redis.call('HLEN', KEYS[2]) > 3 * limit + 28 + tonumber(head[17] or 0)
if import and not head[14] then redis.call('HSET', KEYS[2], 'import', '0') end
answer[12], answer[13] = table.concat(leave, '\n'), (more or import) and '1' or ''
answer[14] = receivedBy(head[16]) < number and head[16] or ''
local left = leftAt(answer[14])
answer[15] = left and void and void >= receivedBy(head[16]) and void - left < leftLife and '1' or ''
return answer
