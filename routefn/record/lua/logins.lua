-- Prelude: the last login of each device, in the hash of an inbox, one line per device:
-- device TAB number of the login TAB network from which it came TAB chains. Needs
-- live.lua.
--
-- The refresh tokens of one login follow each other in a chain. The store judges them by
-- "number:generation:id:ms": the number of the login, the generation that comes next, the
-- id of the token that was used last, and when that token was used first. The chain that
-- was used last stands last in the line.

local mostChains = 4 -- per device: several programs may use one device name

local function loginsIn(text)
  local logins = {}
  for line in string.gmatch(text or '', '[^\n]+') do
    local device, number, from, rest = string.match(line, '^([^\t]*)\t(%d+)\t([^\t]*)(.*)$')
    if device then
      local chains = {}
      for n, generation, used, at in string.gmatch(rest, '(%d+):(%d+):(%x*):(%d+)') do
        chains[#chains + 1] = {number = tonumber(n), generation = tonumber(generation), used = used, at = tonumber(at)}
      end
      logins[device] = {number = tonumber(number), from = from, chains = chains}
    end
  end
  return logins
end

local function loginsText(logins)
  local lines = {}
  for device, l in pairs(logins) do
    local chains = {}
    for i, c in ipairs(l.chains) do
      chains[i] = table.concat({digits(c.number), digits(c.generation), c.used, digits(c.at)}, ':')
    end
    lines[#lines + 1] = table.concat({device, digits(l.number), l.from, table.concat(chains, ' ')}, '\t')
  end
  table.sort(lines)
  return table.concat(lines, '\n')
end

-- Returns the chain of a login that has used no refresh token yet. The parameter
-- generation is the generation of the token that comes next.
local function newChain(number, generation)
  return {number = number, generation = generation, used = '', at = 0}
end

-- Removes the chain of the login with a number. Returns that chain, or nil.
local function takeChain(login, number)
  for i, c in ipairs(login.chains) do
    if c.number == number then return table.remove(login.chains, i) end
  end
end

-- Adds a chain as the one that was used last. If there are too many, the one that was
-- used longest ago goes.
local function addChain(login, chain)
  table.insert(login.chains, chain)
  if #login.chains > mostChains then table.remove(login.chains, 1) end
end

-- Drops the oldest logins of unknown devices, which are devices that never connected. The
-- parameter most says how many of these logins stay.
local function dropOldest(logins, seen, most)
  local names = {}
  for device in pairs(logins) do
    if not seen[device] then names[#names + 1] = device end
  end
  table.sort(names, function(a, b) return logins[a].number > logins[b].number end)
  for i = most + 1, #names do logins[names[i]] = nil end
end
