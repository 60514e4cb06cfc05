-- Prelude: budgets of rates, by the generic cell rate algorithm (GCRA). A budget is one
-- number: the time at which the budget is full again, in us by the clock of its server.
-- See rate.go.

-- Takes a cost, in units, from a budget. The parameter whole is the budget, or nil. One
-- unit is back after as many us as every says, and burst is how many units a full
-- budget has. A cost above burst is taken only from a full budget, which is then in
-- debt. Returns the budget and nil if the cost was taken. Otherwise returns the budget
-- and the ms after which the cost can be taken. Nothing takes more than 1,000 at once.
-- So a budget that is further in debt is wrong, and counts as an empty one: the clock
-- jumped back since it was written, or a route died before it took a surplus back.
local function spend(whole, now, cost, every, burst)
  local room = burst * every
  whole = math.max(tonumber(whole or nil) or 0, now)
  if whole > now + math.max(room, 1000 * every) then whole = now + room end
  if whole > now and whole + cost * every > now + room then
    return whole, math.ceil((whole + math.min(cost, burst) * every - room - now) / 1000)
  end
  return whole + cost * every, nil
end
