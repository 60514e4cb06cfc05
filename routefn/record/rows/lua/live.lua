-- Prelude: the text of a user's live sessions, one line per device: device TAB number
-- TAB boot TAB node TAB addr.

-- Returns the number and the line of the device's session, nil and '' if there is none,
-- and the lines of all other devices.
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

-- Returns the number of the session in the text of a field recv:DEVICE, or 0 if there is
-- none. The text has the line of the session, and then one line per log, with the form of
-- cursors.
local function receivedBy(text)
  return tonumber(string.match(text or '', '^[^\t]*\t(%d+)') or 0)
end

-- A node may report that a client left. If the client logs out within leftLife ms of
-- that, its received positions count as read: see ack.lua.
local leftLife = 30000

-- Takes the text of a field recv:DEVICE. Returns the time in ms at which a node reported
-- that the client had left, or nil if no node did.
local function leftAt(text)
  return tonumber(string.match(text or '', '\nleft\t(%d+)') or nil)
end

-- Returns a new session number: above the user's last one, and not below the clock. So no
-- number is issued twice, even if a failover forgot the last one.
local function nextNumber(issued)
  return math.max(tonumber(issued or 0) + 1, clock())
end
