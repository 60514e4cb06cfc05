-- Prelude: forgets devices, in the hash of an inbox, which is the last one of KEYS.
-- Needs live.lua and device.lua.
--
-- Three fields of the hash have the highest values of all forgotten devices. The numbers
-- of an unknown device are closed up to floor. Its tokens are void up to out. The field
-- 'cur:' has the furthest cursor of the inbox.

-- Returns the further one of two cursors of the inbox. Each is a line, or nil. A line may
-- have another epoch.
local function further(a, b, epoch)
  local function at(line)
    local of, n = string.match(line or '', '^0\t(%x+)\t(%d+)')
    return of == epoch and tonumber(n) or -1
  end
  return at(b) > at(a) and b or a
end

-- Returns the devices to forget, so that at most limit are left. The parameter most
-- bounds how many devices it returns. The second result says whether there are more to
-- forget. First come the devices that were offline longest, then those that have been
-- connected longest. The parameter keep is a device that is never among them.
local function surplus(seen, connected, limit, keep, most)
  local names = {}
  for name in pairs(seen) do
    if name ~= keep then names[#names + 1] = name end
  end
  local count = #names + (seen[keep] and 1 or 0) - limit
  if count <= 0 then return {}, false end
  table.sort(names, function(a, b)
    local x, y = connected[a], connected[b]
    if (x == nil) ~= (y == nil) then return x == nil end
    if x then return x < y end
    if seen[a] ~= seen[b] then return seen[a] < seen[b] end
    return a < b
  end)
  local list = {}
  for i = 1, math.min(count, most) do list[i] = names[i] end
  return list, count > most
end

-- Removes devices from the hash and from seen. The parameter names has their names.
-- Returns the names as a set.
local function forget(names, seen, connected, epoch)
  local gone = {}
  if #names == 0 then return gone end
  local kept = redis.call('HMGET', KEYS[#KEYS], 'floor', 'out', 'cur:')
  local floor, out, read = tonumber(kept[1] or 0), tonumber(kept[2] or 0), kept[3]
  for _, name in ipairs(names) do
    local own = redis.call('HMGET', KEYS[#KEYS], 'closed:' .. name, 'out:' .. name, 'cur:' .. name)
    floor = math.max(floor, tonumber(own[1] or 0), connected[name] or 0)
    out = math.max(out, tonumber(own[2] or 0))
    read = further(read, own[3] and string.match('\n' .. own[3], '\n(0\t[^\n]*)'), epoch)
    redis.call('HDEL', KEYS[#KEYS], 'closed:' .. name, 'out:' .. name, 'cur:' .. name, 'recv:' .. name)
    seen[name], gone[name] = nil, true
  end
  redis.call('HSET', KEYS[#KEYS], 'floor', digits(floor))
  if out > 0 then redis.call('HSET', KEYS[#KEYS], 'out', digits(out)) end
  if read then redis.call('HSET', KEYS[#KEYS], 'cur:', read) end
  return gone
end

-- Splits lines of live sessions. The first result has the lines of devices that stay. The
-- second result has the lines of devices in the set gone.
local function part(lines, gone)
  local stay, leave = {}, {}
  for _, line in ipairs(lines) do
    local to = gone[string.match(line, '^[^\t]*')] and leave or stay
    to[#to + 1] = line
  end
  return stay, leave
end
