-- Prelude: what became of delayed messages. Needs clock.lua.

-- A whole number as digits: Lua itself writes large ones with an exponent.
local function whole(n)
  return string.format('%.0f', math.floor(tonumber(n)))
end

-- The field of the shard's messages that says when one was taken to be fired.
local function taken(key)
  return key .. ' f'
end
