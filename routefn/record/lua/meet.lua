-- Remembers to whom a user writes. For each user who is not remembered yet it takes one
-- unit from the budget of new receivers. If the budget has none left, the user is not
-- remembered.
--
-- KEYS[1] hash of the user's log, KEYS[2] zset of the receivers, by the ms of the last
-- message that a route asked about
-- ARGV[1] us after which one unit is back in the budget, ARGV[2] how many units a full
-- budget has; ARGV[3] how many receivers are remembered at most, the latest ones; then
-- the receivers
-- Answers {the budget, then a number for each receiver: 0, or the ms after which to
-- come again}.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'receivers')
local now, whole, met = clock(), head[2], false
local answer = {''}
for i = 4, #ARGV do
  local wait
  if head[1] and not redis.call('ZSCORE', KEYS[2], ARGV[i]) then
    whole, wait = spend(whole, now * 1000, 1, tonumber(ARGV[1]), tonumber(ARGV[2]))
    met = true
  end
  if head[1] and not wait then redis.call('ZADD', KEYS[2], now, ARGV[i]) end
  answer[#answer + 1] = wait or 0
end
if met then
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[3]))
  whole = string.format('%.0f', whole)
  redis.call('HSET', KEYS[1], 'receivers', whole)
end
answer[1] = whole or ''
return answer
