-- Prelude: the known devices in the hash of an inbox, one line each: device TAB the ms
-- when it last connected or disconnected. Needs live.lua.

-- Returns a table of the devices in a text. By the name of a device, it has the ms when
-- the device was last seen. Returns nil for an inbox whose devices were never listed.
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

-- Returns a table of the live sessions: their numbers by device.
local function connectedIn(live)
  local numbers = {}
  for name, number in string.gmatch(live or '', '([^\t\n]+)\t(%d+)[^\n]*') do numbers[name] = tonumber(number) end
  return numbers
end
