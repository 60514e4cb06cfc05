-- Prelude: returns the clock of this server, in ms since 1970.

local function clock()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end
