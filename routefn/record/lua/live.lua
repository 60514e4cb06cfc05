-- Prelude: the text of a user's live sessions, one line a device:
-- device TAB number TAB boot TAB node TAB addr.

-- The number and the line of device's session, and the lines of all others.
local function split(live, device)
  local number, mine, others = nil, '', {}
  for line in string.gmatch(live or '', '[^\n]+') do
    local who, n = string.match(line, '^([^\t]*)\t(%d+)')
    if who == device then
      number, mine = tonumber(n), line
    else
      others[#others + 1] = line
    end
  end
  return number, mine, others
end

-- The number of the session that received something, 0 if the text is of none: its line
-- and one for each log, as those of cursors.
local function receivedBy(text)
  return tonumber(string.match(text or '', '^[^\t]*\t(%d+)') or 0)
end

-- A number as digits: Lua itself writes large ones with an exponent.
local function digits(n)
  return string.format('%.0f', n)
end

-- A number that this user was never given: above the last one, and not below
-- the store's clock, so that a failover that forgot the last one repeats none.
local function nextNumber(issued)
  return math.max(tonumber(issued or 0) + 1, clock())
end
