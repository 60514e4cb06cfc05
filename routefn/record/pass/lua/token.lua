-- Judges a token, and takes the cost of the request from budgets of the user: from all of
-- them, or from none. It changes nothing else. While the store's memory is full, it takes
-- nothing, so that requests that only read still work.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] device, ARGV[2] number, ARGV[3] expiry of the token; then four values for
-- each budget: its field, the cost, us after which one unit is back, how many units a
-- full budget has
-- Answers {'ok', 'void' or 'expired'}, {'nolog'} if the user has no log and the token
-- has not expired, or {'limited', the ms after which to come again, the budget's
-- field}.
local fields = {'epoch', 'out:' .. ARGV[1], 'out'}
for i = 4, #ARGV, 4 do fields[#fields + 1] = ARGV[i] end
local head = redis.call('HMGET', KEYS[1], unpack(fields))
local cursor = not head[3] or redis.call('HEXISTS', KEYS[1], 'cur:' .. ARGV[1]) == 1
local why = refusal(voidTo(head[2], head[3], cursor), ARGV[2], ARGV[3])
if why then return {why} end
if not head[1] then return {'nolog'} end
local now, taken = clock() * 1000, {}
for i = 4, #ARGV, 4 do
  local cost, every, burst = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local whole, wait = spend(head[3 + i / 4], now, cost, every, burst)
  whole = string.format('%.0f', whole)
  if wait then
    redis.pcall('HSET', KEYS[1], ARGV[i], whole) -- spend may have corrected the budget
    return {'limited', wait, ARGV[i]}
  end
  taken[ARGV[i]] = whole
end
for field, whole in pairs(taken) do redis.pcall('HSET', KEYS[1], field, whole) end
return {'ok'}
