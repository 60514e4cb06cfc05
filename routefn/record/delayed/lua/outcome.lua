-- Prelude: how a sender's delayed messages ended, in the sorted set KEYS[4]. A score is
-- the time in seconds, times 10,000, plus the reason: 0 fired, 1 cancelled, otherwise
-- the code with which the message was dropped. The latest 1,000 are kept, for a day.

local function note(id, ms, why)
  redis.call('ZADD', KEYS[4], whole(math.floor(ms / 1000) * 10000 + why), id)
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1001)
  redis.call('EXPIRE', KEYS[4], 86400)
end

-- Returns the reason why the message with this id ended, and when, in ms. Returns nil if
-- that is not known. If it is known, the function also writes: see append.lua.
local function outcome(id)
  local score = tonumber(redis.call('ZSCORE', KEYS[4], id) or nil)
  if not score then return nil end
  redis.call('EXPIRE', KEYS[4], 86400)
  return score % 10000, math.floor(score / 10000) * 1000
end
