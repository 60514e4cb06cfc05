-- Prelude: searches the log in KEYS[1], from its end, for the entry with a given key.
-- Needs entry.lua.

-- Returns the time in ms back to which to search. That is the parameter since, or 0 for
-- the whole log if something was imported lately. The parameter imported is the time of
-- the last import in ms, or nil. Imported entries keep their old times, but stand behind
-- younger ones. So for a while after an import, the times of entries do not show where to
-- stop.
local function lookFrom(since, imported)
  return imported and tonumber(imported) + 60000 >= since and 0 or since
end

-- Searches the entries at a range of places, counted from 1. The parameters first and
-- last are the ends of the range. Returns what find returns, and then the chunk of
-- entries that it has read.
local function within(key, first, last)
  local chunk, n, tail = redis.call('LRANGE', KEYS[1], first - 1, last - 1), #key, string.byte(key, -1)
  for i = #chunk, 1, -1 do
    -- Comparing two bytes first rules out nearly all other entries without making a
    -- string.
    local a, b = string.byte(chunk[i], n, n + 1)
    if b == 10 and a == tail and string.sub(chunk[i], 1, n) == key then
      local place = first + i - 1
      local before = chunk[i - 1]
      if i == 1 and place > 1 then before = redis.call('LINDEX', KEYS[1], place - 2) end
      return place, before, chunk[i], chunk
    end
  end
  return nil, nil, nil, chunk
end

-- Searches the beginning of the list, which has as many entries as length says, from its
-- end. Returns the place of the entry, counted from 1, the entry before it, and the entry
-- itself, both as stored. Returns nil if no entry has the key. It reads growing chunks,
-- because most repetitions are among the latest entries. It stops after 1,000 entries, or
-- after a chunk that begins before the time since, in ms. The last result is '1' if it
-- stopped after 1,000 entries.
local function find(key, length, since)
  local left = length
  for _, size in ipairs({16, 48, 192, 744}) do
    if left == 0 then return nil end
    local first = math.max(1, left - size + 1)
    local place, before, found, chunk = within(key, first, left)
    if place then return place, before, found end
    left = first - 1
    if (timeOf(chunk[1]) or since) < since then return nil end
  end
  return nil, nil, nil, left > 0 and '1' or nil
end

-- Returns the keys of the entries that find would read, as a set.
local function keysBack(length, since)
  local keys, left = {}, length
  for _, size in ipairs({16, 48, 192, 744}) do
    if left == 0 then break end
    local first = math.max(1, left - size + 1)
    local chunk = redis.call('LRANGE', KEYS[1], first - 1, left - 1)
    for i = 1, #chunk do keys[keyOf(chunk[i])] = true end
    left = first - 1
    if (timeOf(chunk[1]) or since) < since then break end
  end
  return keys
end

-- Does what find does, for an entry that may be very old. The entry was written after the
-- time since, in ms, most probably within a minute of it. If the entry is not among the
-- latest 1,000, the function searches the entries of that minute, and 64 before them.
local function findLong(key, length, since)
  local place, before, found, more = find(key, length, since)
  if not more then return place, before, found end
  local low, high = 1, length - 999 -- the first entry that is not older is at one of these places
  while low < high do
    local middle = math.floor((low + high) / 2)
    if (timeOf(redis.call('LINDEX', KEYS[1], middle - 1)) or since) < since then low = middle + 1 else high = middle end
  end
  local first = math.max(1, low - 64)
  for _ = 1, 16 do
    local chunk
    place, before, found, chunk = within(key, first, first + 127)
    if place then return place, before, found end
    if #chunk < 128 or (timeOf(chunk[128]) or since) > since + 60000 then return nil end
    first = first + 128
  end
  return nil
end
