-- Prelude: the addresses from which an account was logged in to, one a line, the latest
-- first: digest SPACE ms of the login SPACE number of a bucket, see bucket.lua.

-- Returns the addresses that were seen within life ms, but for that of the digests, and
-- then that one, or nil.
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

-- Returns the text of an address, if there is one, and up to most others.
local function textOf(first, others, most)
  local lines = {}
  local function add(a)
    lines[#lines + 1] = a.digest .. ' ' .. digits(a.seen) .. ' ' .. digits(a.full)
  end
  if first then add(first) end
  for i = 1, math.min(#others, most - #lines) do add(others[i]) end
  return table.concat(lines, '\n')
end

-- Returns ARGV from first on as a set.
local function setOf(first)
  local set = {}
  for i = first, #ARGV do set[ARGV[i]] = true end
  return set
end
