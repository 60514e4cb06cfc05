-- Prelude: reading stored entries, which are key, line feed, encoded Entry.

local function keyOf(stored)
  if not stored then return '' end
  return string.match(stored, '^[^\n]*')
end

-- A protobuf varint at i, and the place after it; nil if it is cut off.
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

-- The entry's field with a tag, a varint; nil if it has none or cannot be read.
-- Other fields are varints or have a length, and are passed over.
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

-- The entry's time (field 4) in ms; nil if it has none.
local function timeOf(stored)
  return fieldOf(stored, 32)
end
