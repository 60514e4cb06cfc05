-- Prelude: searches the log in KEYS[1], from its end, for the entry with a given key.
-- Needs entry.lua.

-- Returns the time in ms back to which to search: since, or 0 for the whole log if
-- something was imported lately. imported is the time of the last import in ms, or nil.
-- Imported entries keep their old times, but stand behind younger ones. So for a while
-- after an import, the times of entries do not show where to stop.
local function lookFrom(since, imported)
  return imported and tonumber(imported) + 60000 >= since and 0 or since
end

-- Returns the place of the entry in the list, counted from 1, and two entries as stored:
-- the one before it, and the entry itself. Returns nil if there is no such entry. It
-- reads chunks that grow, because most entries that are searched for are among the
-- latest. It stops after 1,000 entries, or after a chunk that begins before the time
-- since, in ms.
local function find(key, length, since)
  local seen, n, last = 0, #key, string.byte(key, -1)
  for _, size in ipairs({16, 48, 192, 744}) do
    local chunk = redis.call('LRANGE', KEYS[1], -(seen + size), -(seen + 1))
    for i = #chunk, 1, -1 do
      -- Two bytes are compared first. That rules out nearly all other entries, and makes
      -- no string.
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
