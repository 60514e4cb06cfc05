-- Tells the keys that routes make tickets and tokens with, and makes the first if there is
-- none.
--
-- KEYS[1] the key, KEYS[2] hash of what is known of it: since, when a route made it anew;
-- lost, when a route saw that the store had lost something; and by each key that routes
-- made things with, when that was last known
-- ARGV[1] '1' if the caller saw that the store lost something; ARGV[2] the key to set if
-- there is none, '' to make none; ARGV[3] on the keys that the caller made things with,
-- the latest first
-- Answers {'ok', key or '', the store's clock, since or '0', lost or '0', '1' if this call
-- found the loss, then the other keys}.
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
    lost = true -- somebody who knew nothing of the caller's key was faster to make one
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
    if now - seen > 31 * day or #answer > 12 then -- nothing that it made lives so long
      redis.call('HDEL', KEYS[2], key)
    else
      answer[#answer + 1] = key
    end
  end
end
return answer
