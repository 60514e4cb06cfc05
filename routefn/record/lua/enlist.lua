-- Puts a group into the lists of groups of users who belong to it. The list of a user
-- stays as it is if the user has too many groups, or an intent for this one. The script
-- always writes, even if nothing changes: see append.lua.
--
-- KEYS hashes of the users' logs
-- ARGV[1] group, ARGV[2] the most groups of a user
-- Answers three values for each user: 'ok', 'nolog', 'unfinished' or 'full', version of the
-- list, the user's live sessions if the list has changed, or ''.
local answer = {}
for i = 1, #KEYS do
  local head = redis.call('HMGET', KEYS[i], 'epoch', 'groups', 'intents', 'version', 'live')
  local listed, groups = pick(head[2], ARGV[1])
  local intent, intents = pick(head[3], ARGV[1])
  local verdict, version, live = 'ok', head[4] or '0', ''
  if not head[1] then
    verdict = 'nolog'
  elseif intent then
    verdict = 'unfinished'
  elseif listed then
    redis.call('HSET', KEYS[i], 'version', version)
  elseif #groups + #intents >= tonumber(ARGV[2]) then
    verdict = 'full'
  else
    groups[#groups + 1] = ARGV[1]
    version, live = digits(nextNumber(head[4])), head[5] or ''
    redis.call('HSET', KEYS[i], 'groups', table.concat(groups, '\n'), 'version', version)
  end
  answer[#answer + 1], answer[#answer + 2], answer[#answer + 3] = verdict, version, live
end
return answer
