-- Prelude: the addresses that an account knows, one line each, the latest first: digest
-- SPACE ms of the latest login SPACE number of the address's bucket, see bucket.lua.

-- Reads the addresses in a text, and leaves out those that were last seen more than life
-- ms ago. The second result is the address that has one of the digests, or nil. The first
-- result has all other addresses.
local function addresses(text, now, life, digests)
  local others, mine = {}, nil
  for digest, seen, full in string.gmatch(text or '', '(%S+) (%d+) (%d+)') do
    local a = {digest = digest, seen = tonumber(seen), full = tonumber(full)}
    if math.abs(now - a.seen) < life then
      if digests[digest] then mine = mine or a else others[#others + 1] = a end
    end
  end
  return others, mine
end

-- Returns addresses as a text. The parameter first is the address of the first line, or
-- nil. The parameter others has the addresses of the next lines. The parameter most
-- bounds the number of lines.
local function textOf(first, others, most)
  local lines = {}
  local function add(a)
    lines[#lines + 1] = a.digest .. ' ' .. digits(a.seen) .. ' ' .. digits(a.full)
  end
  if first then add(first) end
  for i = 1, math.min(#others, most - #lines) do add(others[i]) end
  return table.concat(lines, '\n')
end

-- Returns a set of the script's arguments. The parameter first is the index in ARGV at
-- which the set begins.
local function setOf(first)
  local set = {}
  for i = first, #ARGV do set[ARGV[i]] = true end
  return set
end
