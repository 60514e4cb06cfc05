-- Takes the cost of requests from a budget of a user. All requests of a call have the
-- same cost. The script takes the cost of as many of them as the budget is enough for.
-- For a user without a log it takes nothing and refuses nothing.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] the budget's field, ARGV[2] how many requests, ARGV[3] the cost of each,
-- ARGV[4] us after which one unit is back, ARGV[5] how many units a full budget has,
-- ARGV[6] units that were used before and are not taken yet
-- Answers {how many of the requests it was enough for, the ms until it is enough for
-- the next one, the budget}.
local head = redis.call('HMGET', KEYS[1], 'epoch', ARGV[1])
if not head[1] then return {tonumber(ARGV[2]), 0, '0'} end
local now, whole, granted, wait = clock() * 1000, head[2], 0, nil
if astray(KEYS[1], whole, now, tonumber(ARGV[4]), tonumber(ARGV[5])) then return {0, 50, '0'} end
whole = math.max(tonumber(whole or nil) or 0, now) + tonumber(ARGV[6]) * tonumber(ARGV[4])
while granted < tonumber(ARGV[2]) do
  whole, wait = spend(whole, now, tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]))
  if wait then break end
  granted = granted + 1
end
whole = string.format('%.0f', whole)
redis.call('HSET', KEYS[1], ARGV[1], whole)
return {granted, wait or 0, whole}
