-- Prelude: budgets of rates, by the generic cell rate algorithm (GCRA). A budget is one
-- number: the time at which the budget is full again, in us by the clock of its server.
-- See rate.go.

-- Returns how far a budget may be ahead of the clock. Nothing takes more than 1,000 units
-- at once.
local function furthest(every, burst)
  return math.max(burst, 1000) * every
end

-- Takes a cost, in units, from a budget. The parameter whole is the budget, or nil. The
-- parameter every says after how many us one unit is back. The parameter burst is how
-- many units a full budget has. A cost above that number is taken only from a full
-- budget, which is then in debt. Returns the budget and nil if the cost was taken. If
-- not, returns the budget and the ms after which the cost can be taken. A budget that is
-- too far in debt is wrong, and counts as an empty one. Either the clock has jumped back
-- since the budget was written, or a route died before it took a surplus back.
local function spend(whole, now, cost, every, burst)
  local room = burst * every
  whole = math.max(tonumber(whole or nil) or 0, now)
  if whole > now + furthest(every, burst) then whole = now + room end
  if whole > now and whole + cost * every > now + room then
    return whole, math.ceil((whole + math.min(cost, burst) * every - room - now) / 1000)
  end
  return whole + cost * every, nil
end

-- Returns whether a route is correcting the budget of messages in a user's hash right
-- now. Two routes may both have added the time since the last use of the budget. Then it
-- is too far in debt for some ms, until one of them takes its addition back. A script must
-- not correct the budget meanwhile, because taking the addition back would then make it a
-- full one. If the budget is still wrong after a second, the route has died, and the
-- answer is false. The field astray of the hash says since when the budget is wrong, in us.
local function astray(hash, whole, now, every, burst)
  if (tonumber(whole or nil) or 0) <= now + furthest(every, burst) then return false end
  local since = tonumber(redis.call('HGET', hash, 'astray') or nil)
  if not since or now < since or now - since > 10000000 then
    since = now
    redis.call('HSET', hash, 'astray', string.format('%.0f', now))
  end
  if now - since < 1000000 then return true end
  redis.call('HDEL', hash, 'astray')
  return false
end
