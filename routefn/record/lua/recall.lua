-- Recalls entries of a sender's own inbox that the receivers' inboxes did not take.
--
-- KEYS[1] list, KEYS[2] hash of the log
-- ARGV[1] time in ms back to which it searches, then the keys of the entries
-- Answers {'ok'}.
local length = redis.call('LLEN', KEYS[1])
for i = 2, #ARGV do
  local place, _, found = find(ARGV[i], length, tonumber(ARGV[1]))
  if place then redis.call('LSET', KEYS[1], place - 1, recalled(found)) end
end
return {'ok'}
