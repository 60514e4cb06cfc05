-- Claims ids of a sender for messages that may be repetitions, before these go into any
-- log. If an id is claimed for another message, or an entry of the sender's inbox has
-- it, the script changes nothing.
--
-- KEYS[1] list, KEYS[2] hash of the sender's log, then the claim of each id
-- ARGV[1] time in ms back to which it searches; ARGV[2] how many ms a claim lives; then
-- two values for each id: the key of its message, and the content for which it shall
-- stand Answers two values for each id: the content for which it stood or '', the entry
-- that was found or ''.
local length = redis.call('LLEN', KEYS[1])
local since = lookFrom(tonumber(ARGV[1]), redis.call('HGET', KEYS[2], 'imported'))
local answer = {}
for i = 3, #KEYS do
  local key, content = ARGV[2 * i - 3], ARGV[2 * i - 2]
  local had, place, before, found = redis.call('GET', KEYS[i]), nil, nil, nil
  if not had then place, before, found = find(key, length, since) end
  if not place and (not had or had == content) then
    redis.call('SET', KEYS[i], content, 'PX', ARGV[2])
  end
  answer[#answer + 1] = had or ''
  answer[#answer + 1] = found or ''
end
return answer
