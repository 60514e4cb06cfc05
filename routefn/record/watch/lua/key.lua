-- Answers the keys by which routes make tickets and tokens, and stores one if there is
-- none.
--
-- Keys are kept in one of two forms. Plain: KEYS[1] is a string, the current key, and a
-- key is its own name. Sealed: KEYS[1] is a hash. Its field current has the name of the
-- current key, and the field of each name has the box of that key.
--
-- KEYS[1] the keys, KEYS[2] hash with their history: since, when a route made a new key;
-- lost, when a route last found a loss of the store; and for the name of each key that
-- routes have used, when that was last known
-- ARGV[1] '1' if the caller has found a loss of the store; ARGV[2] 'plain' or 'sealed',
-- '' to leave the keys alone; then pairs of a name and a box, '' if plain. The first pair
-- is the key to store if there is none, all further ones are the keys that the caller has
-- used, the latest first
-- Answers {'ok', name or '', the server's clock in ms, since or '0', lost or '0', '1' if
-- this call has found a loss or '0', its box, then the name and the box of each other
-- key}. If the keys have the other form, nothing is changed, and the answer is {'plain',
-- the current key or '', then the other plain keys} or {'sealed'}.
local now = clock()
local day = 24 * 3600 * 1000
local form = ARGV[2]
local current = ''
local lost = ARGV[1] == '1'

local function boxOf(name)
  if form ~= 'sealed' then return '' end
  return redis.call('HGET', KEYS[1], name) or ''
end

if form == 'plain' then
  current = redis.pcall('GET', KEYS[1])
  if type(current) == 'table' then return {'sealed'} end
elseif form == 'sealed' then
  local answer = {'plain', ''}
  current = redis.pcall('HGET', KEYS[1], 'current')
  if type(current) == 'table' then answer[2] = redis.call('GET', KEYS[1]) end
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    if isPlain(all[i]) and all[i] ~= answer[2] then answer[#answer + 1] = all[i] end
  end
  if #answer > 2 or answer[2] ~= '' then return answer end
end

if form ~= '' then
  local first = ARGV[5] -- the latest key that the caller has used, or nil
  if not current then
    current = ARGV[3]
    if form == 'plain' then
      redis.call('SET', KEYS[1], current)
    else
      redis.call('HSET', KEYS[1], 'current', current, current, ARGV[4])
    end
    if first then lost = true else redis.call('HSET', KEYS[2], 'since', digits(now)) end
  elseif first and first ~= current and redis.call('HEXISTS', KEYS[2], first) == 0 then
    lost = true -- a route that does not know the caller's key has stored another one
  end
  for i = 5, #ARGV, 2 do
    if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then redis.call('HSET', KEYS[2], ARGV[i], digits(now)) end
    if form == 'sealed' then redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
  end
  local seen = tonumber(redis.call('HGET', KEYS[2], current) or 0)
  if now - seen > day or seen - now > day then redis.call('HSET', KEYS[2], current, digits(now)) end
end
if lost then redis.call('HSET', KEYS[2], 'lost', digits(now)) end

local head = redis.call('HMGET', KEYS[2], 'since', 'lost')
local answer = {'ok', current, digits(now), head[1] or '0', head[2] or '0', lost and '1' or '0', boxOf(current)}
local all = form == '' and {} or redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  local key, seen = all[i], tonumber(all[i + 1])
  if key ~= 'since' and key ~= 'lost' and key ~= current then
    if now - seen > 31 * day or #answer > 20 then -- no ticket or token lives that long
      redis.call('HDEL', KEYS[2], key)
      if form == 'sealed' then redis.call('HDEL', KEYS[1], key) end
    else
      answer[#answer + 1] = key
      answer[#answer + 1] = boxOf(key)
    end
  end
end
return answer
