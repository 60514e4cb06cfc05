-- Answers the keys by which routes make tickets and tokens, and stores one if there is
-- none.
--
-- KEYS[1] the key, KEYS[2] hash with its history: since, when a route made a new key;
-- lost, when a route last found a loss of the store; and for each key that routes have
-- used, when that was last known
-- ARGV[1] '1' if the caller has found a loss of the store; ARGV[2] the key to store if
-- there is none, '' to store none; ARGV[3] and all further ones: the keys that the
-- caller has used, the latest first
-- Answers {'ok', key or '', the server's clock in ms, since or '0', lost or '0', '1' if
-- this call has found a loss or '0', then the other keys}.
local now = clock()
local day = 24 * 3600 * 1000
local current = ''
local lost = ARGV[1] == '1'
if ARGV[2] ~= '' then
  current = redis.call('GET', KEYS[1])
  if not current then
    current = ARGV[2]
    redis.call('SET', KEYS[1], current)
    if ARGV[3] then lost = true else redis.call('HSET', KEYS[2], 'since', digits(now)) end
  elseif ARGV[3] and ARGV[3] ~= current and redis.call('HEXISTS', KEYS[2], ARGV[3]) == 0 then
    lost = true -- a route that does not know the caller's key has stored another one
  end
  for i = 3, #ARGV do
    if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 0 then redis.call('HSET', KEYS[2], ARGV[i], digits(now)) end
  end
  local seen = tonumber(redis.call('HGET', KEYS[2], current) or 0)
  if now - seen > day or seen - now > day then redis.call('HSET', KEYS[2], current, digits(now)) end
end
if lost then redis.call('HSET', KEYS[2], 'lost', digits(now)) end

local head = redis.call('HMGET', KEYS[2], 'since', 'lost')
local answer = {'ok', current, digits(now), head[1] or '0', head[2] or '0', lost and '1' or '0'}
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  local key, seen = all[i], tonumber(all[i + 1])
  if key ~= 'since' and key ~= 'lost' and key ~= current then
    if now - seen > 31 * day or #answer > 12 then -- no ticket or token lives that long
      redis.call('HDEL', KEYS[2], key)
    else
      answer[#answer + 1] = key
    end
  end
end
return answer
