-- Prelude: reads stored entries. A stored entry is a key, a line feed and an encoded
-- Entry.

local function keyOf(stored)
  if not stored then return '' end
  return string.match(stored, '^[^\n]*')
end

-- Returns the protobuf varint at i, and the place after it. Returns nil if the varint
-- is cut off.
local function varint(s, i)
  local value, scale = 0, 1
  while true do
    local b = string.byte(s, i)
    if not b then return nil end
    i = i + 1
    value = value + (b % 128) * scale
    if b < 128 then return value, i end
    scale = scale * 128
  end
end

-- Returns the varint of one field of the entry. The parameter wanted is the tag of that
-- field. Returns nil if there is no such field, or the entry cannot be read. It passes
-- over other fields, which are varints or have a length.
local function fieldOf(stored, wanted)
  local i = string.find(stored, '\n', 1, true)
  if not i then return nil end
  i = i + 1
  while i <= #stored do
    local tag, value
    tag, i = varint(stored, i)
    if not tag then return nil end
    value, i = varint(stored, i)
    if not value then return nil end
    if tag == wanted then return value end
    if tag % 8 == 2 then
      i = i + value
    elseif tag % 8 ~= 0 then
      return nil
    end
  end
  return nil
end

-- Returns the entry's time (field 4) in ms, or nil if it has none.
local function timeOf(stored)
  return fieldOf(stored, 32)
end
