-- Uses a refresh token, and replaces it by its successor. Each use takes one unit from a
-- budget of the user. If the budget has none left, nothing changes.
--
-- KEYS[1] hash of the user's log
-- ARGV[1] device; ARGV[2] number, ARGV[3] expiry, ARGV[4] generation, ARGV[5] id of the
-- token; ARGV[6] for how many ms after a use a repetition proves nothing; ARGV[7] for how
-- many ms an inbox that was made again counts as that; ARGV[8] us after which one unit is
-- back in the budget, ARGV[9] how many units a full budget has, 0 if there is none
-- Answers {'nolog'}, {'void' or 'expired'} for a token that does not count, {'replayed'}
-- for one that was replaced and comes again, {'early'} if it is too early to say that,
-- {'limited', the ms after which to come again}, or {'ok', the clock, generation of the
-- successor, when the token was used first or 0 if that was longer ago}.
local device = ARGV[1]
local head = redis.call('HMGET', KEYS[1], 'epoch', 'issued', 'out:' .. device, 'out', 'logins', 'again', 'rate:refreshes')
if not head[1] then return {'nolog'} end
local issued, number, generation = tonumber(head[2] or 0), tonumber(ARGV[2]), tonumber(ARGV[4])
local cursor = not head[4] or redis.call('HEXISTS', KEYS[1], 'cur:' .. device) == 1
local why = refusal(voidTo(head[3], head[4], cursor), number, ARGV[3])
if why then return {why} end

local now, logins = clock(), loginsIn(head[5])
local login = logins[device]
local chain = login and takeChain(login, number)
if not chain then
  -- Other logins of the device have pushed this one out of the list, or the store has
  -- lost it.
  local lost = number > issued or head[6] and math.abs(now - head[6]) < tonumber(ARGV[7])
  if not lost then return {'void'} end
  chain = newChain(number, generation)
  if not login then
    login = {number = number, from = '', chains = {}}
    logins[device] = login
  end
end
local recent = math.abs(now - chain.at) < tonumber(ARGV[6])
if generation >= chain.generation then -- above chain.generation if the store lost the last uses
  chain.generation, chain.used, chain.at, recent = generation + 1, ARGV[5], now, true
elseif generation == chain.generation - 2 and recent then
  return {'early'} -- this may be a copy of a request that a network held up
elseif generation < chain.generation - 1 or chain.used ~= ARGV[5] then
  return {'replayed'}
end
local budget = {}
if ARGV[9] ~= '0' then
  local full, wait = spend(head[7], now * 1000, 1, tonumber(ARGV[8]), tonumber(ARGV[9]))
  budget = {'rate:refreshes', digits(full)}
  if wait then
    redis.call('HSET', KEYS[1], unpack(budget)) -- spend may have corrected the budget
    return {'limited', wait}
  end
end
addChain(login, chain)
redis.call('HSET', KEYS[1], 'issued', digits(math.max(issued, number)), 'logins', loginsText(logins), unpack(budget))
return {'ok', digits(now), digits(chain.generation), recent and digits(chain.at) or '0'}
