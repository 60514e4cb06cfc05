-- Takes a token for one password that somebody shows for an account. If the account knows
-- the address, and the bucket of that address has a token, the script takes this one.
-- Otherwise it takes one from the bucket that all strange addresses share.
--
-- KEYS[1] hash of the tries at the account
-- ARGV[1] ms per token and ARGV[2] tokens of the bucket of strange addresses; ARGV[3]
-- ms per token and ARGV[4] tokens of the bucket of a known address; ARGV[5] for how
-- many ms an address is known; ARGV[6] and all further ones: the digests of the address
-- Answers {'known'}, {'stranger'}, or {'wait', ms until there is a token}.
local now, life = clock(), tonumber(ARGV[5])
local head = redis.call('HMGET', KEYS[1], 'from', 'full')
local others, mine = addresses(head[1], now, life, setOf(6))
local after, wait = mine and taken(mine.full, now, tonumber(ARGV[3]), tonumber(ARGV[4]))
if after then
  mine.full = after
  redis.call('HSET', KEYS[1], 'from', textOf(mine, others, #others + 1))
  return {'known'}
end
after, wait = taken(head[2], now, tonumber(ARGV[1]), tonumber(ARGV[2]))
if wait then return {'wait', digits(wait)} end
if after > now then
  redis.call('HSET', KEYS[1], 'full', digits(after))
  if redis.call('PTTL', KEYS[1]) < after - now then redis.call('PEXPIRE', KEYS[1], digits(after - now)) end
end
return {'stranger'}
