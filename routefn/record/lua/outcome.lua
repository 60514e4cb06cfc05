-- Prelude: outcomes, in a sorted set of the sender's own, KEYS[4]. The score is
-- the second it happened times 10,000 and why: 0 fired, 1 cancelled, else the
-- code it was dropped with. The latest 1,000 are kept, for a day.

local function note(id, ms, why)
  redis.call('ZADD', KEYS[4], whole(math.floor(ms / 1000) * 10000 + why), id)
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1001)
  redis.call('EXPIRE', KEYS[4], 86400)
end

-- Why id ended and the ms it did so; nil if that is not known. It writes, for
-- those who wait for replicas: see append.lua.
local function outcome(id)
  local score = tonumber(redis.call('ZSCORE', KEYS[4], id) or nil)
  if not score then return nil end
  redis.call('EXPIRE', KEYS[4], 86400)
  return score % 10000, math.floor(score / 10000) * 1000
end
