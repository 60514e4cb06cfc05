-- Stores a message to be sent later. One with an id that is known changes
-- nothing, whatever else it says, but writes what is there: see append.lua.
--
-- Messages due in the same millisecond are given scores that differ by 1/1024 in
-- the order they come, so that they are fired in it; a score has room for that
-- until the year 2109. Beyond 1,024 of them their keys decide.
--
-- KEYS[1] due, KEYS[2] messages of the shard, KEYS[3] pending, KEYS[4] outcomes of
-- the sender
-- ARGV[1] key, ARGV[2] id, ARGV[3] ms since 1970 when it is due or 0, ARGV[4] ms
-- from now if so, ARGV[5] the entry, ARGV[6] most that a user may have pending,
-- ARGV[7] ms it may lie ahead, ARGV[8] ms it may lie back
-- Answers {'pending' or 'firing', when it is due, ms until then, the entry}, {'done', when that was, why},
-- {'range'} or {'many'}.
local key, id, ms = ARGV[1], ARGV[2], clock()
local known = redis.call('ZSCORE', KEYS[1], key)
if known then
  local entry = redis.call('HGET', KEYS[2], key) or ''
  redis.call('HSET', KEYS[2], key, entry)
  local firing = redis.call('HEXISTS', KEYS[2], taken(key)) == 1
  return {firing and 'firing' or 'pending', whole(timeAt(known)), whole(timeAt(known) - ms), entry}
end
local why, at = outcome(id)
if why then return {'done', whole(at), why} end

local due = tonumber(ARGV[3])
if due == 0 then due = ms + tonumber(ARGV[4]) end
if due > ms + tonumber(ARGV[7]) or due < ms - tonumber(ARGV[8]) then return {'range'} end
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[6]) then return {'many'} end
due = math.max(due, ms)

local score, step = due, 1 / 1024
local last = redis.call('ZREVRANGEBYSCORE', KEYS[1], '(' .. whole(due + 1), whole(due), 'WITHSCORES', 'LIMIT', 0, 1)[2]
if last then score = math.min(tonumber(last) + step, due + 1 - step) end
score = string.format('%.17g', score)
redis.call('ZADD', KEYS[1], score, key)
redis.call('ZADD', KEYS[3], score, id)
redis.call('HSET', KEYS[2], key, ARGV[5])
return {'pending', whole(due), whole(due - ms), ARGV[5]}
