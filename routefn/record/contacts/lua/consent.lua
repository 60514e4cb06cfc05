-- Changes three words that say who may write to a user, who may add the user to groups,
-- and who finds the user by the id. Each word is 'everyone', 'contacts', 'nobody', or '-'
-- if the user has not decided.
--
-- KEYS[1] hash of the user's log, KEYS[2] the user's relations, KEYS[3] see setChoosy
-- ARGV[1] to ARGV[3] the three words, '' for one that stays
-- Answers {'nolog'} or {'ok', the words}.
local head = redis.call('HMGET', KEYS[1], 'epoch')
if not head[1] then return {'nolog'} end
local kept = redis.call('HMGET', KEYS[2], 'n', 'may')
local write, add, find, since = string.match(kept[2] or '', '^(%S+) (%S+) (%S+) (%d+)$')
local words = {write or '-', add or '-', find or '-'}
local before = words[1]
for i = 1, 3 do
  if ARGV[i] ~= '' then words[i] = ARGV[i] end
end
if words[1] ~= before or not since then since = digits(clock()) end
local text = table.concat(words, ' ')
redis.call('HSET', KEYS[2], 'may', text .. ' ' .. since)
redis.call('HSET', KEYS[1], 'epoch', head[1])
setGuard(KEYS[1], numbersOf(kept[1]).blocked, text .. ' ' .. since)
setChoosy(KEYS[3], numbersOf(kept[1]).blocked, text .. ' ' .. since)
return {'ok', text}
