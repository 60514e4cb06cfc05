-- Gives a device a cursor that it had in another store. In one epoch a cursor only goes
-- forward, and a cursor of another epoch is replaced. An inbox takes a new device only if
-- it lists its devices, and has fewer than the most.
--
-- For all devices without a cursor, the inbox has common bounds up to which tokens are
-- void and numbers are closed: see void.lua and forget.lua. Both bounds still hold for a
-- device when it gets its first cursor.
--
-- KEYS[1] list, KEYS[2] hash of the user's log
-- ARGV[1] device; ARGV[2] log, ARGV[3] epoch, which is that of the log, ARGV[4] number and
-- ARGV[5] key of the cursor; ARGV[6] the most devices that are known
-- Answers {'nolog'}, {'stranger'} if the user does not belong to the group, {'full'},
-- {'there'} if the device has a cursor at this one or behind it, or {'ok'}.
local device, log, epoch, number = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local field = 'cur:' .. device
local head = redis.call('HMGET', KEYS[2], 'epoch', 'groups', 'devices', field, 'out:' .. device, 'out', 'closed:' .. device, 'floor', 'read')
if redis.call('LLEN', KEYS[1]) == 0 or not head[1] or log == '0' and head[1] ~= epoch then return {'nolog'} end
if tonumber(log) > 1 and not string.find('\n' .. (head[2] or '') .. '\n', '\n' .. log .. '\n', 1, true) then return {'stranger'} end
local seen, count = seenIn(head[3]), 0
for _ in pairs(seen or {}) do count = count + 1 end
if not seen or not seen[device] and count >= tonumber(ARGV[6]) then return {'full'} end

local lines = {}
for line in string.gmatch(head[4] or '', '[^\n]+') do
  local of, had, n = string.match(line, '^(%d+)\t(%x+)\t(%d+)')
  if of ~= log then
    lines[#lines + 1] = line
  elseif had == epoch and tonumber(n) >= number then
    return {'there'}
  end
end
lines[#lines + 1] = table.concat({log, epoch, ARGV[4], ARGV[5]}, '\t')
local void = voidTo(head[5], head[6], head[4])
if void then redis.call('HSET', KEYS[2], 'out:' .. device, digits(void)) end
if not seen[device] then
  seen[device] = clock()
  redis.call('HSET', KEYS[2], 'devices', seenText(seen))
  if head[8] and not head[7] then redis.call('HSET', KEYS[2], 'closed:' .. device, head[8]) end
end
redis.call('HSET', KEYS[2], field, table.concat(lines, '\n'))
if log == '0' and head[9] and number > tonumber(head[9]) then redis.call('HSET', KEYS[2], 'read', ARGV[4]) end
return {'ok'}
