-- Prelude: budgets of rates, by the generic cell rate algorithm (GCRA). A budget is one
-- number: when all of it is back, in us by the clock of its server. See rate.go.

-- Takes cost from a budget. One unit is back after every us, and burst is all of it. A
-- cost above that is taken from a budget that is whole, which is then in debt. Returns the
-- budget and nil, or, if nothing was taken, the budget and the ms until the cost can be.
-- Nothing takes more than 1,000 at once. So a budget that is further in debt is wrong, and
-- counts as an empty one: the clock jumped back since it was written, or a route died
-- before it took a surplus back.
local function spend(whole, now, cost, every, burst)
  local room = burst * every
  whole = math.max(tonumber(whole or nil) or 0, now)
  if whole > now + math.max(room, 1000 * every) then whole = now + room end
  if whole > now and whole + cost * every > now + room then
    return whole, math.ceil((whole + math.min(cost, burst) * every - room - now) / 1000)
  end
  return whole + cost * every, nil
end
