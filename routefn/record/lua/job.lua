-- Prelude: jobs that wait for their time.

-- A whole number as digits: Lua itself writes large ones with an exponent.
local function whole(n)
  return string.format('%.0f', math.floor(tonumber(n)))
end

-- The field of the shard's jobs that says when one was first taken.
local function taken(key)
  return key .. ' f'
end

-- The field that says how often one failed in a row.
local function failures(key)
  return key .. ' n'
end
