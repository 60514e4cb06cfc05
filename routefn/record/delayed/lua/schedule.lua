-- Stores a message to be sent later. If the sender has scheduled a message with this id
-- before, even one with another content, the script changes nothing, but still writes:
-- see append.lua.
--
-- Messages that are due in the same millisecond get scores that differ by 1/1024, in the
-- order in which they come. So they are fired in that order. If there are more than 1,024
-- of them, the order of the rest is that of their keys. The numbers of Redis are exact
-- enough for that until the year 2109.
--
-- KEYS[1] due, KEYS[2] messages of the shard, KEYS[3] pending, KEYS[4] outcomes of the
-- sender
-- ARGV[1] key; ARGV[2] id; ARGV[3] when it is due, in ms since 1970, or 0; ARGV[4] if
-- that is 0, in how many ms it is due; ARGV[5] the entry; ARGV[6] the most messages
-- that a user may have pending; ARGV[7] how many ms the time may lie ahead; ARGV[8] how
-- many ms it may lie back
-- Answers {'pending' or 'firing', when it is due, ms until then, the entry}, {'done',
-- when it ended, why}, {'range'} if the time is too far off, or {'many'}.
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
