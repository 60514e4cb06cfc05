-- Prelude: searches the log in KEYS[1] for the entry with a key, from its end. Needs
-- entry.lua.

-- Returns the time in ms back to which to search: since, or 0 for the whole log if
-- something was imported lately. imported is when that happened, in ms, or nil.
-- Imported entries have their own times and stand behind younger ones. So for a while
-- the times of entries do not show where to stop.
local function lookFrom(since, imported)
  return imported and tonumber(imported) + 60000 >= since and 0 or since
end

-- Returns the place of the entry in the list, counted from 1, the entry before it, and
-- the entry itself, both as stored. Returns nil if there is no such entry. It reads
-- growing chunks, because most repetitions are among the latest entries. It stops after
-- 1,000 entries, or after a chunk that begins before the time since, in ms.
local function find(key, length, since)
  local seen, n, last = 0, #key, string.byte(key, -1)
  for _, size in ipairs({16, 48, 192, 744}) do
    local chunk = redis.call('LRANGE', KEYS[1], -(seen + size), -(seen + 1))
    for i = #chunk, 1, -1 do
      -- Comparing two bytes first rules out nearly all other entries without making a
      -- string.
      local a, b = string.byte(chunk[i], n, n + 1)
      if b == 10 and a == last and string.sub(chunk[i], 1, n) == key then
        local place = length - seen - #chunk + i
        local before = chunk[i - 1]
        if i == 1 and place > 1 then before = redis.call('LINDEX', KEYS[1], place - 2) end
        return place, before, chunk[i]
      end
    end
    seen = seen + #chunk
    if seen >= length or (timeOf(chunk[1]) or since) < since then return nil end
  end
  return nil
end
