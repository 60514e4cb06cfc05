-- Prelude: the clock, and what became of delayed messages.

-- The store's clock in ms.
local function clock()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end

-- A whole number as digits: Lua itself writes large ones with an exponent.
local function whole(n)
  return string.format('%.0f', math.floor(tonumber(n)))
end

-- The field of the shard's messages that says when one was taken to be fired.
local function taken(key)
  return key .. ' f'
end
