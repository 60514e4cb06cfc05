-- Prelude: the budgets of a group, one line each. A line is a member's id, TAB, and the
-- budget. The group's own budget has 0 in place of the id. A full budget has no line. So
-- there are at most as many lines as messages in the burst of a group. Needs rate.lua.

-- Returns the budgets in a text, at the time now, in ms. ARGV[at] is the time, in
-- microseconds, in which the group's own budget regains one message. ARGV[at + 1] is how
-- many messages that budget has when it is full, or 0 if there is no rate. ARGV[at + 2] and
-- ARGV[at + 3] are the same for a member's budget.
local function ratesOf(text, now, at)
  local rates = {now = now * 1000, of = {}, spent = false,
    every = tonumber(ARGV[at]), burst = tonumber(ARGV[at + 1]),
    memberEvery = tonumber(ARGV[at + 2]), memberBurst = tonumber(ARGV[at + 3])}
  for who, whole in string.gmatch(text or '', '(%d+)\t(%d+)') do rates.of[who] = tonumber(whole) end
  return rates
end

-- Stores a budget that was not enough, because the function spend may have corrected it.
-- Returns the parameter wait.
local function refused(rates, whose, whole, wait)
  rates.of[whose], rates.spent = whole, true
  return wait
end

-- Takes one message from the group's budget and one from a member's. If one of the
-- budgets has none left, the function takes nothing. It then returns the ms until that
-- budget has a message again.
local function charge(rates, from)
  if from == '' then return nil end
  local group, member, wait
  if rates.burst > 0 then
    group, wait = spend(rates.of['0'], rates.now, 1, rates.every, rates.burst)
    if wait then return refused(rates, '0', group, wait) end
  end
  if rates.memberBurst > 0 then
    member, wait = spend(rates.of[from], rates.now, 1, rates.memberEvery, rates.memberBurst)
    if wait then return refused(rates, from, member, wait) end
  end
  if group or member then
    rates.of['0'], rates.of[from], rates.spent = group, member, true
  end
end

local function textOf(rates)
  local lines = {}
  for who, whole in pairs(rates.of) do
    if whole > rates.now then lines[#lines + 1] = who .. '\t' .. string.format('%.0f', whole) end
  end
  return table.concat(lines, '\n')
end
