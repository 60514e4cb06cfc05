-- Removes an intent about which the group has decided, and changes the user's list of
-- groups accordingly. If the intent was settled before, it is gone. Then nothing changes,
-- but the script writes the version again: see append.lua.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] group, ARGV[2] version of the intent, ARGV[3] '1' if the user belongs to the
-- group now
-- Answers {'ok', version of the list, the user's live sessions if the list has changed,
-- or ''}.
local head = redis.call('HMGET', KEYS[1], 'intents', 'groups', 'version', 'live')
local mine, intents = pick(head[1], ARGV[1])
if not mine or not string.find(mine, '\t' .. ARGV[2] .. '\t', 1, true) then
  if head[3] then redis.call('HSET', KEYS[1], 'version', head[3]) end
  return {'ok', head[3] or '0', ''}
end
local listed, groups = pick(head[2], ARGV[1])
if ARGV[3] == '1' then groups[#groups + 1] = ARGV[1] end
local version = digits(nextNumber(head[3]))
redis.call('HSET', KEYS[1], 'intents', table.concat(intents, '\n'),
  'groups', table.concat(groups, '\n'), 'version', version)
local changed = (listed ~= nil) ~= (ARGV[3] == '1')
return {'ok', version, changed and head[4] or ''}
