-- Prelude: the devices that the hash of a user's log knows, one line each: device TAB
-- the ms when it was last seen to come or to go. Needs live.lua.

-- When each device was last seen, by name; nil of an inbox whose devices were never
-- listed.
local function seenIn(text)
  if not text then return nil end
  local seen = {}
  for name, ms in string.gmatch(text, '([^\t\n]+)\t(%d+)') do seen[name] = tonumber(ms) end
  return seen
end

local function seenText(seen)
  local lines = {}
  for name, ms in pairs(seen) do lines[#lines + 1] = name .. '\t' .. digits(ms) end
  table.sort(lines)
  return table.concat(lines, '\n')
end

-- The numbers of live sessions by device.
local function connectedIn(live)
  local numbers = {}
  for name, number in string.gmatch(live or '', '([^\t\n]+)\t(%d+)[^\n]*') do numbers[name] = tonumber(number) end
  return numbers
end
