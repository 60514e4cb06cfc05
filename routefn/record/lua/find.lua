-- Prelude: looking for an entry of the log in KEYS[1] by its key, from the tail.
-- Needs entry.lua.

-- How far back to look in a log into which something was imported at a time in ms, or
-- nil. What is imported keeps its time and stands behind younger entries, so that for a
-- while times do not tell where to end.
local function lookFrom(since, imported)
  return imported and tonumber(imported) + 60000 >= since and 0 or since
end

-- The entry's place in the list, from 1, the one before it and itself, as stored;
-- nil if it is not there. The chunks grow, because most come within a few entries,
-- and end at 1,000 entries or at the first chunk that begins before since, in ms.
local function find(key, length, since)
  local seen, n, last = 0, #key, string.byte(key, -1)
  for _, size in ipairs({16, 48, 192, 744}) do
    local chunk = redis.call('LRANGE', KEYS[1], -(seen + size), -(seen + 1))
    for i = #chunk, 1, -1 do
      -- Two bytes first: they tell nearly all others without making a string.
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
