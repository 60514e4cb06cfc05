-- Records the intent of a user to join or leave a group. If an earlier intent for the
-- group was not carried out, the script records nothing and answers that one. The caller
-- must carry it out first.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] group; ARGV[2] 'join', 'once' or 'leave', see change.lua; ARGV[3] the user's
-- name; ARGV[4] the most groups of a user; ARGV[5] id of the user who requests it
-- Answers {'nolog'}, {'full'}, or {'ok' or 'unfinished', the intent's line}.
local head = redis.call('HMGET', KEYS[1], 'epoch', 'groups', 'intents', 'version')
if not head[1] then return {'nolog'} end
local mine, others = pick(head[3], ARGV[1])
if mine then return {'unfinished', mine} end
local member, groups = pick(head[2], ARGV[1])
if ARGV[2] ~= 'leave' and not member and #groups + #others >= tonumber(ARGV[4]) then return {'full'} end
local version = digits(nextNumber(head[4]))
mine = table.concat({ARGV[1], ARGV[2], version, ARGV[5], ARGV[3]}, '\t')
others[#others + 1] = mine
redis.call('HSET', KEYS[1], 'intents', table.concat(others, '\n'), 'version', version)
return {'ok', mine}
