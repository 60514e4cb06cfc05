-- Gives back the token that try.lua took for a password, because the password was
-- right, or was never compared. If it was right, the account knows the address from now
-- on.
--
-- KEYS[1] hash of the tries at the account
-- ARGV[1] the answer of try.lua, or '' if nothing was taken; ARGV[2] ms per token of
-- the bucket of strange addresses; ARGV[3] ms per token of the bucket of a known
-- address; ARGV[4] '1' if the password was right; ARGV[5] for how many ms an address is
-- known; ARGV[6] the most addresses that are known; ARGV[7] and all further ones: the
-- digests of the address, of which the first is stored
-- Answers {'ok'}.
local now, life, most = clock(), tonumber(ARGV[5]), tonumber(ARGV[6])
local head = redis.call('HMGET', KEYS[1], 'from', 'full')
local others, mine = addresses(head[1], now, life, setOf(7))
if ARGV[1] == 'known' and mine then mine.full = given(mine.full, now, tonumber(ARGV[3])) or 0 end
if ARGV[4] == '1' then
  mine = {digest = ARGV[7], seen = now, full = mine and mine.full or 0}
end
local full = head[2]
if ARGV[1] == 'stranger' then
  full = given(full, now, tonumber(ARGV[2]))
  if full then redis.call('HSET', KEYS[1], 'full', digits(full)) elseif head[2] then redis.call('HDEL', KEYS[1], 'full') end
end
local text = textOf(mine, others, most)
if text ~= '' then
  redis.call('HSET', KEYS[1], 'from', text)
elseif head[1] then
  redis.call('HDEL', KEYS[1], 'from')
end
if ARGV[4] == '1' then redis.call('PEXPIRE', KEYS[1], digits(life)) end
return {'ok'}
