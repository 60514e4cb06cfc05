-- Prelude: the clock of this server, and numbers as text.

-- Returns the clock, in ms since 1970.
local function clock()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end

-- Returns a number as digits. Lua itself writes large numbers with an exponent.
local function digits(n)
  return string.format('%.0f', n)
end
