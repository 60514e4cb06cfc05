-- Prelude: how far the devices of an inbox have fetched it.

-- Returns the number up to which at least one device has fetched the inbox whose hash is
-- KEYS[2]. The parameter read is the value of the field read in that hash. If it is nil,
-- as in an inbox of an earlier version, the number comes from the cursors of the devices,
-- and the field is written.
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
