-- Moves the cursors of a device forward. The session with the given number reports them.
-- For a closed session, the script moves cursors only if its connection has ended and the
-- report has all that the device had read. For an unknown device it moves none; open.lua
-- makes the device known again. Within one epoch a cursor only goes forward, and never
-- beyond the end of the inbox. If the inbox has a new epoch, a cursor of that epoch
-- replaces the old one. The epoch of a group is in another slot and cannot be compared.
-- So the live session may give a cursor of a group any epoch. The script keeps only
-- cursors of groups to which the user belongs. The field read follows the furthest cursor
-- of the inbox: see fetched.lua.
--
-- The device may have received entries that it perhaps has not read. The hash has these
-- received positions beside the cursors, with the session. Only the live session may
-- report them, and they stay until the session ends. Then other positions may replace
-- them, which count as read if the device logs out. In that case, a line "left TAB ms"
-- with the time of the report follows the line of the session. open.lua hands these
-- positions out.
--
-- KEYS[1] list, KEYS[2] hash of the user's log
-- ARGV[1] device; ARGV[2] number; ARGV[3] '1' if the connection has ended and the cursors
-- say all that the device had read, '2' if it has ended and the positions follow that
-- count as read if the device logs out, '0' otherwise; ARGV[4] how many cursors follow,
-- each as four values: log, epoch, number, key; then the received positions in the same
-- form
-- Answers {'ok'}.
local device, number = ARGV[1], tonumber(ARGV[2])
local field = 'cur:' .. device
local head = redis.call('HMGET', KEYS[2], 'epoch', 'base', 'live', 'closed:' .. device, field, 'groups', 'devices', 'recv:' .. device, 'read')
if not head[1] or ARGV[3] == '0' and number <= tonumber(head[4] or 0) then return {'ok'} end
local live, mine = split(head[3], device)
local seen = seenIn(head[7])
if seen and not seen[device] and not live then return {'ok'} end
if ARGV[3] == '2' then
  if receivedBy(head[8]) <= number then
    local left = {table.concat({device, ARGV[2], '', '', ''}, '\t'), 'left\t' .. digits(clock())}
    for i = 5, #ARGV, 4 do left[#left + 1] = table.concat(ARGV, '\t', i, i + 3) end
    redis.call('HSET', KEYS[2], 'recv:' .. device, table.concat(left, '\n'))
  end
  return {'ok'}
end
local newest = tonumber(head[2] or 0) + redis.call('LLEN', KEYS[1])

local follows = {['0'] = true, ['1'] = true}
for group in string.gmatch(head[6] or '', '%d+') do follows[group] = true end
local order, lines, at = {}, {}, {}
for line in string.gmatch(head[5] or '', '[^\n]+') do
  local log, epoch, n = string.match(line, '^(%d+)\t(%x+)\t(%d+)')
  if follows[log] then
    order[#order + 1] = log
    lines[log], at[log] = line, {epoch = epoch, number = tonumber(n)}
  end
end

local function mayMove(log, epoch, n)
  if not follows[log] or log == '0' and (epoch ~= head[1] or n > newest) then return false end
  local old = at[log]
  if old and old.epoch == epoch then return n > old.number end
  return not old or log == '0' or live == number
end

local moves = 4 + 4 * tonumber(ARGV[4])
for i = 5, moves, 4 do
  local log, epoch, n = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  if mayMove(log, epoch, n) then
    if not at[log] then order[#order + 1] = log end
    at[log] = {epoch = epoch, number = n}
    lines[log] = table.concat({log, epoch, ARGV[i + 2], ARGV[i + 3]}, '\t')
  end
end
if ARGV[3] == '1' and head[8] and receivedBy(head[8]) <= number then
  redis.call('HDEL', KEYS[2], 'recv:' .. device)
elseif live == number and #ARGV > moves then
  local received = {mine}
  for i = moves + 1, #ARGV, 4 do received[#received + 1] = table.concat(ARGV, '\t', i, i + 3) end
  redis.call('HSET', KEYS[2], 'recv:' .. device, table.concat(received, '\n'))
end
local text = {}
for i, log in ipairs(order) do text[i] = lines[log] end
local mark = at['0']
local further = head[9] and mark and mark.epoch == head[1] and mark.number > tonumber(head[9])
if further then
  redis.call('HSET', KEYS[2], field, table.concat(text, '\n'), 'read', string.format('%.0f', mark.number))
elseif #text > 0 then
  redis.call('HSET', KEYS[2], field, table.concat(text, '\n'))
end
return {'ok'}
