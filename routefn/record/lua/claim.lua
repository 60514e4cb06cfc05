-- Claims ids of a sender for messages that may be repetitions, before these go into any
-- log. It does not claim an id that is claimed for another message, or that an entry of
-- the sender's inbox has. Each new claim takes a message from the sender's budget. If the
-- budget has none left, the id is not claimed. A claim that is repeated takes nothing.
-- But a first try makes no claim, and a message to a group is not in the sender's inbox.
-- So a repetition of such a first try takes from the budget again.
--
-- KEYS[1] list, KEYS[2] hash of the sender's log, then the claim of each id
-- ARGV[1] time in ms back to which it searches; ARGV[2] how many ms a claim lives;
-- ARGV[3] us after which one message is back in the budget; ARGV[4] how many messages a
-- full budget has, 0 if there is no budget; then three values for each id: the key of
-- its message, the content for which the id shall stand, '1' if the claim takes from
-- the budget
-- Answers three values for each id: the content for which it stood or '', the entry
-- that was found or '', the ms after which to come again or 0; then the budget or ''.
local length = redis.call('LLEN', KEYS[1])
local head = redis.call('HMGET', KEYS[2], 'imported', 'rate')
local since = lookFrom(tonumber(ARGV[1]), head[1])
local every, burst, whole, spent = tonumber(ARGV[3]), tonumber(ARGV[4]), head[2], false
local now = burst > 0 and clock() * 1000
local unsure = now and astray(KEYS[2], whole, now, every, burst)
local answer = {}
for i = 3, #KEYS do
  local key, content = ARGV[3 * i - 4], ARGV[3 * i - 3]
  local had, place, before, found, wait = redis.call('GET', KEYS[i]), nil, nil, nil, nil
  if not had then place, before, found = find(key, length, since) end
  if not had and not place and unsure and ARGV[3 * i - 2] == '1' then
    wait = 50
  elseif not had and not place and now and ARGV[3 * i - 2] == '1' then
    whole, wait = spend(whole, now, 1, every, burst)
    spent = true
  end
  if not place and not wait and (not had or had == content) then
    redis.call('SET', KEYS[i], content, 'PX', ARGV[2])
  end
  answer[#answer + 1] = had or ''
  answer[#answer + 1] = found or ''
  answer[#answer + 1] = wait or 0
end
if spent then
  whole = string.format('%.0f', whole)
  redis.call('HSET', KEYS[2], 'rate', whole)
end
answer[#answer + 1] = whole or ''
return answer
