-- Files a report of a user about a message.
--
-- KEYS[1] the open reports, KEYS[2] the report of the message, KEYS[3] the user's open
-- reports
-- ARGV[1] id of the report, ARGV[2] the user, ARGV[3] a reason, ARGV[4] a note, ARGV[5] the
-- message as stored, ARGV[6] for how many ms a report is kept, ARGV[7] the most open
-- reports, ARGV[8] the most of one user, ARGV[9] the most users of one report
-- Answers {'ok'}, {'full'}, or {'many'} if the user has too many.
local now, life, field = clock(), tonumber(ARGV[6]), 'u:' .. ARGV[2]
local head = redis.call('HMGET', KEYS[2], 'number', 'count', 'decision', field)
local number, count = head[1], tonumber(head[2] or nil) or 0
if number and (head[3] or head[4] or count >= tonumber(ARGV[9])) then
  redis.call('HSET', KEYS[2], 'number', number) -- changes nothing, but WAIT needs a write of this call
  return {'ok'}
end

-- Removes what has expired from a set of open reports.
local function expire(set)
  local old = redis.call('ZRANGEBYSCORE', set, '-inf', digits(now - life), 'LIMIT', 0, 1000)
  if #old > 0 then redis.call('ZREM', set, unpack(old)) end
end
expire(KEYS[1])
expire(KEYS[3])
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[8]) then return {'many'} end
if not number then
  if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[7]) then return {'full'} end
  local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  number = digits(math.max(now, (tonumber(last[2] or nil) or 0) + 1))
  redis.call('ZADD', KEYS[1], number, ARGV[1])
  redis.call('HSET', KEYS[2], 'number', number, 'entry', ARGV[5])
  redis.call('PEXPIRE', KEYS[2], ARGV[6])
end
redis.call('HSET', KEYS[2], field, digits(now) .. '\t' .. ARGV[3] .. '\t' .. ARGV[4], 'count', digits(count + 1))
redis.call('HINCRBY', KEYS[2], 'version', 1)
redis.call('ZADD', KEYS[3], number, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[3], ARGV[6])
return {'ok'}
