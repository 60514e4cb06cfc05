-- Prelude: the budgets of a group, one line each: a member, or 0 for the group's own, TAB
-- and the budget. A budget that is whole has no line. So there are no more lines than
-- messages within the burst of a group. Needs rate.lua.

-- The budgets in a text, at a time in ms. ARGV[at] has the us after which one message is
-- back in the group's own, ARGV[at + 1] all of that in messages, or 0 if it has no rate;
-- ARGV[at + 2] and ARGV[at + 3] the same of a member's.
local function ratesOf(text, now, at)
  local rates = {now = now * 1000, of = {}, spent = false,
    every = tonumber(ARGV[at]), burst = tonumber(ARGV[at + 1]),
    memberEvery = tonumber(ARGV[at + 2]), memberBurst = tonumber(ARGV[at + 3])}
  for who, whole in string.gmatch(text or '', '(%d+)\t(%d+)') do rates.of[who] = tonumber(whole) end
  return rates
end

-- Keeps a budget that was not enough, which spend may have mended, and returns wait.
local function refused(rates, whose, whole, wait)
  rates.of[whose], rates.spent = whole, true
  return wait
end

-- Takes a message from the group's budget and from a member's. Takes nothing and returns
-- the ms until both have one if one of them has none.
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
