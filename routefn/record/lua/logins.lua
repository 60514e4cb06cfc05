-- Prelude: the last login of each device, in the hash of an inbox, one line per device:
-- device TAB number of the login TAB network from which it came. Needs live.lua.

local function loginsIn(text)
  local logins = {}
  for line in string.gmatch(text or '', '[^\n]+') do
    local device, number, from = string.match(line, '^([^\t]*)\t(%d+)\t([^\t]*)')
    if device then logins[device] = {number = tonumber(number), from = from} end
  end
  return logins
end

local function loginsText(logins)
  local lines = {}
  for device, l in pairs(logins) do
    lines[#lines + 1] = table.concat({device, digits(l.number), l.from}, '\t')
  end
  table.sort(lines)
  return table.concat(lines, '\n')
end

-- Drops the oldest logins of unknown devices, which never connected, so that at most
-- most of these logins are left.
local function dropOldest(logins, seen, most)
  local names = {}
  for device in pairs(logins) do
    if not seen[device] then names[#names + 1] = device end
  end
  table.sort(names, function(a, b) return logins[a].number > logins[b].number end)
  for i = most + 1, #names do logins[names[i]] = nil end
end
