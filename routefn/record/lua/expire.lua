-- Prelude: reads the kind of stored entries, and makes expired entries. Needs
-- entry.lua.

-- Returns the entry's kind (field 6, a varint). 0, or no such field, is a message.
local function kindOf(stored)
  return fieldOf(stored, 48) or 0
end

local function varintOf(n)
  local bytes = {}
  while n >= 128 do
    bytes[#bytes + 1] = string.char(n % 128 + 128)
    n = math.floor(n / 128)
  end
  bytes[#bytes + 1] = string.char(n)
  return table.concat(bytes)
end

-- Returns an encoded entry of the kind EXPIRED (4) with the given time in ms.
local function expired(time)
  return '\32' .. varintOf(time) .. '\48\4'
end

-- Returns what replaces a stored entry that must not be read any more. Something must
-- take its place, because the numbers of later entries count that place. The replacement
-- has another key than the entry, so that the same message may be stored later.
local function recalled(stored)
  return '0:recalled\n' .. expired(fieldOf(stored, 32) or 0)
end
