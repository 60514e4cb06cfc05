-- Prelude: up to where the devices of an inbox have fetched it.

-- Returns the number up to which at least one device has fetched an inbox. KEYS[2] is the
-- hash of that inbox. The parameter read is the value of the hash's field read, or nil in
-- an inbox of an earlier version. If it is nil, the function finds the number from the
-- cursors of the devices, and writes the field.
local function fetched(read, epoch)
  if read then return tonumber(read) end
  local furthest, names = 0, {''} -- '' stands for all forgotten devices
  for _, text in ipairs(redis.call('HMGET', KEYS[2], 'devices', 'live')) do
    for name in string.gmatch('\n' .. (text or ''), '\n([^\t\n]+)\t') do names[#names + 1] = name end
  end
  for _, name in ipairs(names) do
    local cursors = redis.call('HGET', KEYS[2], 'cur:' .. name) or ''
    local of, number = string.match('\n' .. cursors, '\n0\t(%x+)\t(%d+)')
    if of == epoch then furthest = math.max(furthest, tonumber(number)) end
  end
  redis.call('HSET', KEYS[2], 'read', string.format('%.0f', furthest))
  return furthest
end
