-- Has ids of a sender stand for messages that may be repetitions, before these go into
-- any log. An id that was claimed, or stands in the sender's own log, stays what it is.
--
-- KEYS[1] list, KEYS[2] hash of the sender's log, then the claim of each id
-- ARGV[1] how far back to look: a time in ms; ARGV[2] ms that a claim stands; then two
-- an id: the key of its message, and what it is to stand for
-- Answers two an id: what it stood for or '', the entry that was found or ''.
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
